"""Searches of several threads in the same matrices."""

import threading

from services.database.choice import make_database
from services.gallery.store.rows import text_of_space
from services.gallery.store.sqlite_search import MatrixSearch
from services.gallery.store.store import GalleryStore
from tests.services.gallery.store.test_store import FORGET, SPACE, near, register


def test_searches_share_a_matrix_and_a_change_waits_for_them(tmp_path):
    database = make_database(f"sqlite:///{tmp_path / 'gallery.db'}")
    search = MatrixSearch(database)
    gallery = GalleryStore(database, search)
    ann, _ = register(gallery, "Ann")
    found = []
    later = threading.Thread(target=lambda: found.append(near(gallery, 1)))
    with search._reading("default", text_of_space(SPACE)) as matrix:
        assert near(gallery, 1) == [("Ann", 0.0)]
        gallery.forget(FORGET, person_id=ann.id)
        later.start()
        later.join(0.2)
        assert (matrix.count, found) == (1, [])
    later.join(60)
    assert (matrix.count, found) == (0, [[]])
    database.close()


def test_no_matrix_stays_of_what_has_no_faces(tmp_path):
    database = make_database(f"sqlite:///{tmp_path / 'gallery.db'}")
    search = MatrixSearch(database)
    gallery = GalleryStore(database, search)
    for number in range(20):
        assert near(gallery, 1, collection=f"unknown {number}") == []
    ann, _ = register(gallery, "Ann", collection="staff")
    register(gallery, "Bob")
    assert (near(gallery, 1, collection="staff"), near(gallery, 1)) == ([("Ann", 0.0)], [("Bob", 0.0)])
    assert len(search._matrices) == 2
    gallery.forget(FORGET, person_id=ann.id)
    assert near(gallery, 1, collection="staff") == []
    assert len(search._matrices) == 1
    database.close()
