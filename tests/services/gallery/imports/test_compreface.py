"""The subjects of CompreFace, from a PostgreSQL database with its schema."""

import pytest

from services.gallery.imports.compreface import SeveralCollections
from services.gallery.imports.foreign import UnreadableDatabase, reading
from tests.pictures import ALICE, ALICIA, BOB, photo
from tests.services.gallery.imports.compreface import CALCULATORS, KEY, CompreFaceDatabase
from tests.services.gallery.imports.importing import POLICY, faces, kill_after, names


@pytest.fixture
def compreface(owner_url):
    return CompreFaceDatabase(owner_url)


@pytest.fixture
def take(register, sources, compreface):
    def take(api_key="", **options):
        with sources.compreface(compreface.url, api_key) as entries:
            return register(entries, **options)

    return take


def test_every_image_of_a_subject_is_embedded_anew(take, store, compreface):
    compreface.add("Alice", photo(ALICE), photo(ALICIA))
    (image,) = compreface.add("Bob", photo(BOB), calculators=CALCULATORS)
    assert take() == (3, 0, {})
    assert names(store) == {"Alice": 2, "Bob": 1}
    assert {face.photo for face in faces(store, "Bob")} == {f"Bob/{image}"}


def test_what_has_no_image_is_listed(take, store, compreface):
    (embedding,) = compreface.add("Brad Pitt", None)  # as the demo of CompreFace has them
    (subject,) = compreface.add("Nobody yet")
    compreface.add("Alice", photo(ALICE))
    refused = {f"Brad Pitt/{embedding}": "no_image", f"Nobody yet/{subject}": "no_image"}
    assert take() == (1, 0, refused)
    assert names(store) == {"Alice": 1}


def test_a_second_time_only_what_is_new_is_read_and_embedded(take, store, compreface, engine, monkeypatch):
    compreface.add("Alice", photo(ALICE))
    assert take() == (1, 0, {})
    compreface.add("Bob", photo(BOB))
    assert take() == (1, 1, {})
    assert engine.embedded == 2
    monkeypatch.setattr("services.gallery.imports.compreface._IMAGE", "SELECT 1 / 0 AS content")
    assert take() == (0, 2, {})
    assert names(store) == {"Alice": 1, "Bob": 1}


def test_bad_images_and_names_are_refused(take, store, compreface):
    (several,) = compreface.add("Alice", photo(ALICE, BOB))
    (text,) = compreface.add("Bob", b"hello")
    (large,) = compreface.add("Carol", bytes(POLICY.max_bytes + 1))
    (control,) = compreface.add("Da\x1b[2Jve", photo(ALICE))
    assert take(dry_run=True)[:2] == (0, 0)
    assert take() == (0, 0, {
        f"Alice/{several}": "several_faces", f"Bob/{text}": "image_decode_error", f"Carol/{large}": "image_too_large",
        f"Da\x1b[2Jve/{control}": "validation_error (name)",
    })  # fmt: skip
    assert take(face_policy="largest")[:2] == (1, 0)


def test_a_key_has_its_own_face_collection(take, store, compreface):
    compreface.add_service("other")
    compreface.add("Alice", photo(ALICE))
    compreface.add("Bob", photo(BOB), key="other")
    with pytest.raises(SeveralCollections, match="of 2 API keys"):
        take()
    assert take(KEY) == (1, 0, {})
    assert take("other", collection="door") == (1, 0, {})
    assert (names(store), names(store, "door")) == ({"Alice": 1}, {"Bob": 1})
    assert take("unknown") == (0, 0, {})


def test_an_import_that_was_killed_resumes(take, store, compreface, tmp_path):
    for number in range(8):
        compreface.add(f"p{number}", photo((ALICE, BOB)[number % 2]))
    kill_after(3, tmp_path, "compreface", compreface.url, KEY)
    enrolled, known, refused = take()
    assert (enrolled + known, refused) == (8, {})
    assert known >= 3
    assert names(store) == {f"p{number}": 1 for number in range(8)}


def test_nothing_can_be_written_to_the_database(compreface):
    with reading(compreface.url, system="CompreFace", kinds=["postgresql"]) as database:
        compreface.add("Alice")
        with pytest.raises(UnreadableDatabase):
            database.rows("DELETE FROM subject RETURNING id")
        assert len(database.rows("SELECT id FROM subject")) == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://nobody:secret@127.0.0.1:1/nothing", "does not answer"),
        ("postgresql://host:port/x", "must be a URL"),
        ("mysql://127.0.0.1/x", "must be a URL"),
        ("file.db", "must be a URL"),
    ],
)
def test_another_database_is_said_on_one_line(sources, url, said):
    with pytest.raises(UnreadableDatabase, match=said) as error, sources.compreface(url, ""):
        pass
    assert "secret" not in str(error.value)


def test_a_database_without_its_tables_is_said(sources, owner_url):
    refused = pytest.raises(UnreadableDatabase, match="lacks the tables of CompreFace")
    with refused, sources.compreface(owner_url, ""):
        pass
