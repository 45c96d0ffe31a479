"""The use case of looking at a photo that a search found."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from core.exceptions import ImageError, NotFound, ServiceUnavailable
from core.files import OutsideRoot, open_beneath
from core.images.decoding import ImagePolicy, decode, read_limited
from core.images.folder import PhotoLister
from core.images.thumbnails import encode, shrunk
from schemas.find import PhotoQuery
from services.deepface.interface import Engine

NO_FOLDER = "There is no photo folder. Set FACES_DB_PATH."
_NOT_FOUND = "There is no such photo. Use the photo_id of an answer of /find."


def photo_id_of(name: str) -> str:
    """The ID of the photo with this path below the folder: the path in base64 that fits into a URL."""
    return urlsafe_b64encode(name.encode()).decode().rstrip("=")


class PhotoFileService:
    """Shows photos of the folder. It opens no file outside the folder, and none that searches skip."""

    def __init__(self, *, engine: Engine, policy: ImagePolicy, folder: str, lister: PhotoLister) -> None:
        self._engine = engine
        self._policy = policy
        self._folder = folder
        self._lister = lister

    def photo(self, photo_id: str, query: PhotoQuery) -> bytes:
        """The photo as JPEG, upright and without metadata, its longer side at most `query.size` pixels.

        Raises:
            ServiceUnavailable: no folder is configured.
            NotFound: there is no such photo, or it cannot be read as an image.
        """
        if not self._folder:
            raise ServiceUnavailable(NO_FOLDER)
        try:
            name = urlsafe_b64decode(f"{photo_id}{'=' * (-len(photo_id) % 4)}").decode()
            if self._lister.skips(name):
                raise NotFound(_NOT_FOUND)
            with open_beneath(self._folder, name) as file:
                content = read_limited(file, self._policy)
            with self._engine.lane():  # so that no more images are decoded at once than there are lanes
                return encode(shrunk(decode(content, self._policy), query.size), "jpeg")
        except (ValueError, OSError, OutsideRoot, ImageError):
            raise NotFound(_NOT_FOUND) from None
