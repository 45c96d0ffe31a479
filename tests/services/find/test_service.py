import os

import pytest

from core.exceptions import FolderNotFound, ModelUnavailable, NoFaceDetected, ServiceUnavailable
from services.models.catalogue import catalogue
from tests.fakes import FakeEngine
from tests.pictures import ALICE, ALICIA, BOB, MASK, write_photo
from tests.services.find.conftest import found, identities


def test_each_face_gets_the_photos_within_the_threshold_nearest_first(service, photos):
    write_photo(photos / "alice" / "1.png", ALICE)
    write_photo(photos / "alicia" / "1.jpg", ALICIA)
    write_photo(photos / "bob.webp", BOB)
    write_photo(photos / "both.png", BOB, ALICE)
    answer = found(service, ALICE, BOB, threshold=0.02)
    assert answer.faces_queried == 2
    assert identities(answer, photos) == [["alice/1.png", "both.png", "alicia/1.jpg"], ["bob.webp", "both.png"]]
    first = answer.result[0][0]
    assert (first.person, first.distance, first.threshold) == ("alice", 0.0, 0.02)
    assert (first.target_x, first.target_y, first.target_w, first.target_h) == (20, 30, 40, 40)
    assert answer.result[1][1].person is None
    assert answer.result[1][0].source_x == 80


def test_equal_distances_are_ordered_by_identity(service, photos):
    for name in ("c.png", "a/z.png", "b.png"):
        write_photo(photos / name, ALICE)
    assert identities(found(service, ALICE), photos) == [["a/z.png", "b.png", "c.png"]]


def test_similarity_search_goes_beyond_the_threshold_and_keeps_it(service, photos):
    write_photo(photos / "alice.png", ALICE)
    write_photo(photos / "bob.png", BOB)
    rows = found(service, ALICE, threshold=0.01, similarity_search=True).result[0]
    assert [row.confidence for row in rows] == [75.0, 25.0]
    assert {row.threshold for row in rows} == {0.01}
    assert len(found(service, ALICE, threshold=0.01, similarity_search=True, k=1).result[0]) == 1


def test_similarity_search_keeps_the_services_own_threshold(service, photos):
    write_photo(photos / "alice.png", ALICE)
    write_photo(photos / "bob.png", BOB)
    dlib = {"model_name": "Dlib", "alignment": "eyes", "detector_backend": "ssd", "similarity_search": True}
    for metric, threshold in catalogue.find("Dlib").thresholds.items():
        options = dlib | {"distance_metric": metric}
        rows = found(service, ALICE, **options).result[0]
        assert [row.threshold for row in rows] == [threshold] * 2
        assert [row.confidence for row in rows] == [75.0, 25.0]


def test_photos_without_a_face_or_that_are_no_images_never_appear(service, photos, engine):
    write_photo(photos / "alice.png", ALICE)
    write_photo(photos / "empty.png")
    (photos / "zero.jpg").write_bytes(b"")
    (photos / "text.png").write_bytes(b"hello")
    answer = found(service, ALICE, similarity_search=True, enforce_detection=False)
    assert identities(answer, photos) == [["alice.png"]]
    assert answer.pending == 0
    embedded = engine.embedded
    found(service, ALICE)
    assert engine.embedded == embedded + 1  # the query; the useless photos are not tried again


def test_names_of_any_script_and_links_that_stay_inside_are_indexed(service, photos, tmp_path):
    write_photo(photos / "Ölüdeniz 海" / "фото.png", ALICE)
    os.symlink("Ölüdeniz 海/фото.png", photos / "zz.png")
    outside = write_photo(tmp_path / "elsewhere" / "alice.png", ALICE)
    os.symlink(outside, photos / "absolute.png")
    os.symlink("../elsewhere/alice.png", photos / "relative.png")
    os.symlink("../elsewhere", photos / "folder")
    assert identities(found(service, ALICE), photos) == [["zz.png", "Ölüdeniz 海/фото.png"]]


def test_identities_can_hide_the_servers_part(make_service, engine, photos):
    write_photo(photos / "alice" / "1.png", ALICE)
    answer = found(make_service(engine, relative_identities=True), ALICE)
    assert answer.result[0][0].identity == "alice/1.png"


def test_an_empty_folder_finds_nothing(service):
    answer = found(service, ALICE, BOB)
    assert answer.result == [[], []]


def test_folders_that_are_missing_or_not_configured_are_errors(make_service, engine, photos):
    with pytest.raises(ServiceUnavailable):
        found(make_service(engine, folder=""), ALICE)
    service = make_service(engine)
    found(service, ALICE)
    photos.rmdir()
    with pytest.raises(FolderNotFound):
        found(service, ALICE)


def test_errors_of_the_query_and_of_the_models_are_those_of_the_other_endpoints(make_service, engine):
    with pytest.raises(NoFaceDetected):
        found(make_service(engine))
    with pytest.raises(ModelUnavailable):
        found(make_service(FakeEngine(missing=["VGG-Face"])), ALICE)


def test_liveness_of_the_query_is_on_its_rows(service, photos):
    write_photo(photos / "mask.png", MASK)
    rows = found(service, MASK, anti_spoofing=True).result[0]
    assert [row.is_real for row in rows] == [False]
