"""A photo that the service may not read."""

import os
from contextlib import contextmanager

import pytest

from core.images.folder import PhotoLister
from services.find.index import IndexKey
from services.find.photos import PhotoEmbedder
from tests.pictures import ALICE, write_photo
from tests.services.find.conftest import POLICY
from tests.services.find.index_builder import SPACE

NOBODY = 65534
KEY = IndexKey(folder=".", detector="opencv", space=SPACE, weights="")


@contextmanager
def without_rights():
    """Root may read everything, so it becomes nobody for the block."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(was)


@pytest.fixture
def here(settings, photos, monkeypatch):
    """The folder is the current one: nobody may not walk there through the folders above it."""
    photos.chmod(0o755)
    monkeypatch.chdir(photos)
    return photos


def test_a_photo_without_permission_has_a_problem_until_that_changes(here, engine):
    path = write_photo(here / "1.png", ALICE)
    path.chmod(0)
    embedder = PhotoEmbedder(engine=engine, policy=POLICY, max_faces=256)
    with without_rights():
        (listed,) = PhotoLister().photos(".")
        failed = embedder.detected(KEY, "1.png")
    assert (listed.problem, failed.problem, failed.signature) == ("", "unreadable", listed.signature)
    path.chmod(0o644)
    with without_rights():
        (readable,) = PhotoLister().photos(".")
        assert embedder.detected(KEY, "1.png").problem == ""
    assert readable.signature != listed.signature


def test_a_folder_without_permission_is_named(here):
    write_photo(here / "alice" / "1.png", ALICE)
    write_photo(here / "bob" / "1.png", ALICE)
    (here / "bob").chmod(0)
    with without_rights():
        found = {file.name: file.problem for file in PhotoLister().photos(".")}
    (here / "bob").chmod(0o755)
    assert found == {"alice/1.png": "", "bob": "unreadable"}
