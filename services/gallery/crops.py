"""The use cases of the stored crops of faces: one as it is stored, or many as thumbnails."""

from base64 import b64encode
from contextlib import suppress
from typing import Literal

from core.exceptions import FaceNotFound, ImageError
from core.images.decoding import ImagePolicy, decode
from core.images.thumbnails import encode, shrunk
from core.timeouts import check_deadline
from schemas.persons import CropQuery, CropsRequest, CropsResponse, FaceCrop
from services.gallery.store.store import GalleryStore


class CropService:
    """Reads stored crops. If `within` is given, the faces must be in that collection."""

    def __init__(self, *, store: GalleryStore, policy: ImagePolicy) -> None:
        self._store = store
        self._policy = policy

    def crop(self, face_id: str, query: CropQuery, *, within: str | None = None) -> bytes:
        """The PNG of a face, as it is stored or smaller.

        Raises:
            FaceNotFound: there is no such face, no image of it was stored, or the image cannot be read.
        """
        crop = self._store.crop(face_id, within=within)
        if crop is None:
            raise FaceNotFound("No image of this face was stored. Set store_crop to store one when registering.")
        if query.size is None:
            return crop
        try:
            return self._smaller(crop, query.size, "png")
        except ImageError:  # an import takes the images of other programs as they are
            raise FaceNotFound("The stored image of this face cannot be read.") from None

    def crops(self, request: CropsRequest, *, within: str | None = None) -> CropsResponse:
        """The thumbnails of those of the faces that have an image, in the order of the request."""
        found = self._store.crops(request.ids, within=within)
        crops = []
        for face_id in dict.fromkeys(request.ids):
            check_deadline()
            if face_id in found:
                with suppress(ImageError):
                    image = b64encode(self._smaller(found[face_id], request.size, "jpeg")).decode()
                    crops.append(FaceCrop(id=face_id, image=f"data:image/jpeg;base64,{image}"))
        return CropsResponse(crops=crops)

    def _smaller(self, crop: bytes, size: int, kind: Literal["png", "jpeg"]) -> bytes:
        return encode(shrunk(decode(crop, self._policy), size), kind)
