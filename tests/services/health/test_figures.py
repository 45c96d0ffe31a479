import pytest

from core.exceptions import FolderNotFound
from services.health import figures
from services.health.figures import Figures


class _NoFolder:
    def overview(self, _):
        raise FolderNotFound


@pytest.fixture
def make(gallery, audit, tmp_path):
    def make(*, folder=tmp_path, indexes=None):
        return Figures(store=gallery, audit=audit, indexes=indexes, folder=folder)

    return make


def names(found):
    return [reading.name for reading in found.readings()]


def test_the_workers_of_a_server_share_what_one_of_them_has_read(make, gallery, monkeypatch):
    reads, count = [], gallery.face_count
    monkeypatch.setattr(gallery, "face_count", lambda: reads.append(1) or count())
    first, second = make(), make()
    assert names(first) == names(second) == ["face_gallery_faces", "face_gallery_persons", "face_audit_unsealed"]
    assert len(reads) == 1
    monkeypatch.setattr(figures, "_EVERY_S", 0)
    assert names(second)
    assert len(reads) == 2


def test_a_process_on_its_own_reads_for_itself(make):
    assert names(make(folder=None)) == names(make())


def test_what_cannot_be_read_is_missing_and_the_rest_is_there(make):
    assert names(make(indexes=_NoFolder())) == ["face_gallery_faces", "face_gallery_persons", "face_audit_unsealed"]
