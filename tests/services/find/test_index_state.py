from services.find.index import FolderIndex
from services.find.index_state import IndexState
from services.find.photo_list import Photos


def index_of(photos):
    return FolderIndex.empty().updated(photos, {})


def test_an_index_shares_the_photos_of_the_folder_once_it_has_them_all():
    there = Photos.of([])
    state = IndexState(index_of(Photos.of([])), version=1)
    assert state.index.photos is not there
    assert state.pending(there) == 0
    assert state.index.photos is there


def test_an_index_that_has_not_all_photos_keeps_its_own():
    index = index_of(Photos.of([]))
    state = IndexState(index, version=1)
    assert state.pending(Photos.of([("new", (1, 2, 3))])) == 1
    assert state.index is index
