"""Takes out of the stored indexes what the photo folder does not show any more."""

from core.exceptions import IndexBuilding
from services.find.index import FolderIndex, FolderIndexStore, Photos


def prune(store: FolderIndexStore, folder: str, photos: Photos) -> int:
    """Remove all photos but `photos` from the indexes of `folder`; returns how many they were.

    Other processes take the indexes up with their next request.

    Raises:
        IndexBuilding: an index is being built; those after it have not been looked at.
        OSError: an index could not be saved.
    """
    there = set(photos.names())
    removed = 0
    for key in [stored.key for stored in store.stored() if stored.key.folder == folder]:
        with store.building(key) as mine:
            if not mine:
                raise IndexBuilding
            index = store.load(key) or FolderIndex.empty()
            left = Photos.of((name, signature) for name, signature in index.photos.items() if name in there)
            if len(left) < len(index.photos):
                store.save(key, index.updated(left, {}))
                removed += len(index.photos) - len(left)
    return removed
