"""The commands that find and merge twins, and output that cannot control a terminal."""

import pytest

from api.context import services_of
from tests.api.cli.test_gallery import run
from tests.api.v1.test_gallery import register
from tests.pictures import ALICE, BOB, write_photo
from tests.services.gallery.store.test_names import NFC, NFD, make_twin


@pytest.fixture
def store(app):
    return services_of(app).gallery.persons._store


def test_twins_are_listed_merged_and_then_gone(app, client, store):
    first = register(client, ALICE, NFC)["person_id"]
    second = make_twin(store, NFD)
    listed = f"default: {NFC} ({first}, 1 faces), {NFD} ({second.id}, 1 faces)\n"
    assert run(app, "gallery", "merge-twins", "--dry-run") == (0, f"{listed}1 names of several persons\n")
    code, page = run(app, "doctor")
    assert code == 1
    assert "WRONG names            1 names belong to several persons. Run: face-service gallery merge-twins" in page
    assert run(app, "gallery", "merge-twins") == (0, f"{listed}1 names merged, 0 left\n")
    assert run(app, "gallery", "merge-twins") == (0, "0 names merged, 0 left\n")
    assert "names belong to several" not in run(app, "doctor")[1]
    (person,) = client.get("/persons").json["persons"]
    assert (person["id"], person["name"], person["faces"]) == (first, NFC, 2)


def test_twins_with_other_dates_are_left(app, client, store):
    register(client, ALICE, NFC, retain_until="2999-01-01T00:00:00Z")
    make_twin(store, NFD)
    code, said = run(app, "gallery", "merge-twins")
    assert (code, said.splitlines()[1]) == (1, "0 names merged, 1 left")
    assert "different retain_until dates" in said
    assert len(client.get("/persons").json["persons"]) == 2


def test_folders_that_look_alike_are_one_person_and_no_name_controls_the_terminal(app, client, tmp_path):
    folder = tmp_path / "people"
    for place, name in enumerate((NFC, NFD, "JOS\u00c9", "An\x1b[31mn", "Bo\u202eb", "Ci\nd", "De\u200bb")):
        write_photo(folder / name / f"{place}.png", ALICE if place < 3 else BOB)
    code, said = run(app, "gallery", "enroll", folder)
    assert code == 0
    assert said.splitlines() == [
        "An\\x1b[31mn/3.png: validation_error (name)",
        "Bo\\u202eb/4.png: validation_error (name)",
        "Ci\\nd/5.png: validation_error (name)",
        "4 photos registered, 0 already registered, 3 refused",
    ]
    persons = {person["name"]: person["faces"] for person in client.get("/persons").json["persons"]}
    assert (len(persons), persons["Deb"], max(persons.values())) == (2, 1, 3)


def test_the_doctor_names_a_collection_that_no_search_compares_as_a_whole(app, client, engine):
    register(client, ALICE, "Alice")
    register(client, BOB, "Bob")
    assert "no search compares all" not in run(app, "doctor")[1]
    register(client, BOB, "Bob", model_name="Dlib")
    assert "no search compares all" not in run(app, "doctor")[1]
    engine.missing = {"VGG-Face"}
    register(client, BOB, "Bill", model_name="Dlib")
    engine.missing = set()
    register(client, ALICE, "Ann")
    page = run(app, "doctor")[1]
    assert "WRONG persons          default: 1 persons have no face of VGG-Face (alignment eyes" in page
