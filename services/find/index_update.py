"""An update of an index: the photos that it lacks, and the results known so far."""

from core.files import Signature
from services.find.index import FolderIndex, PhotoFaces
from services.find.photo_list import Photos


class IndexUpdate:
    """An update of an index to `photos`. `added` starts with the photos of a draft; the caller adds the others."""

    def __init__(self, index: FolderIndex, photos: Photos, draft: FolderIndex | None) -> None:
        self._index = index
        self._photos = photos
        self._wanted = {name: signature for name, signature in index.photos.changes(photos) if signature is not None}
        drafted = {} if draft is None else draft.by_photo()
        self.added: dict[str, PhotoFaces] = {
            name: faces for name, faces in drafted.items() if self._wanted.get(name) == faces.signature
        }

    def missing(self) -> dict[str, Signature]:
        """The photos whose current signature is neither in the index nor in `added`."""
        return {name: signature for name, signature in self._wanted.items() if name not in self.added}

    def is_empty(self) -> bool:
        """Whether the update changes nothing: no photo is added, and none is gone."""
        changes = self._index.photos.changes(self._photos)
        return not self.added and all(signature is not None for _, signature in changes)

    def result(self) -> FolderIndex:
        """The index of `photos`, without the missing photos."""
        return self._index.updated(self._photos, self.added)

    def draft(self) -> FolderIndex:
        """An index of `added` alone."""
        photos = Photos.of((name, faces.signature) for name, faces in self.added.items())
        return FolderIndex.empty().updated(photos, self.added)
