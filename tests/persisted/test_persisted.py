"""What the program of 2026-11 has written is opened by that of today, which writes the same."""

import json
import re
from hashlib import sha256
from io import BytesIO
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import pytest
import sqlalchemy as sa

from api.context import services_of
from tests.conftest import PROJECT
from tests.persisted import life
from tests.persisted.database import BOUND_KEY, SEALED, SEALING_KEY, connected, content_of, schema_of
from tests.persisted.indexes import ARRAYS, HEADER, INDEX, KEY, NAME, said_of, store_of
from tests.persisted.life import ALICE, BOB, OTHER_SPACE, identify, live, register_first, verify
from tests.persisted.program import KINDS, PHOTO_FOLDER, WRITTEN

EVERY_KIND = pytest.mark.parametrize("kind", KINDS)
IN_FILES = pytest.mark.parametrize("kind", KINDS[:2])
ON_A_SERVER = pytest.mark.parametrize("kind", KINDS[2:])

SPACES = {
    '{"alignment": "eyes", "detection": "full", "expand_percentage": 10, "model": "Facenet512", '
    '"normalization": "base"}',
    '{"alignment": "none", "detection": "bounded", "expand_percentage": 0, "model": "Facenet", '
    '"normalization": "base"}',
    '{"alignment": "template", "detection": "bounded", "expand_percentage": 0, "model": "Dlib", '
    '"normalization": "base"}',
}

# Of the three photos of the folder, and of the request with an Idempotency-Key: key and digest.
PHOTOS = {None, "Alice/1.png", "Alice/2.png", "Bob/1.png"}
ENROLLED = {
    (f"enrol {digest}", digest)
    for digest in (
        "0fcd26464a43bc81c88539eb39208f690b40621b3b21aa1f8368ac572b0ee579",
        "298d0bb4ec7217fe82dab1357133fdf0af1ee0a681e5aaa21da4a1d392ef13f9",
        "6439dbf36cacbe475b89f7adf817ef8fcd195a087dcc8493f08a31df48879c5d",
    )
}
OF_THE_REQUEST = "60774c056dd44b0add60a588606035f8b2a609d7049d10ccafae3c2b8628e731"
# Written before such a key belonged to an API key.
ANSWERS = ENROLLED | {("5e931463cac656247f6a0426f235fe6df5c606fce7a403d16cefdf3d5e7aa932", OF_THE_REQUEST)}

# Actions, outcomes and the names of the details, as they are in the chain of hashes.
_COMPARED = "distance model similarity_metric threshold"
_VERIFIED = "detector_backend distance model similarity_metric threshold verified"
EVENTS = {
    "add_collection done:",
    "change done: fields",
    "create_key done: key scopes",
    "export done: faces persons",
    "find match: distance model photos similarity_metric threshold",
    "forget done:",
    "forget done: reason",
    f"identify match: {_COMPARED}",
    "lock done: misses seconds",
    "merge done: merged",
    f"recognize match: {_COMPARED}",
    "register done: model",
    "remove_collection done:",
    "revoke_key done: key",
    f"verify match: {_VERIFIED}",
    f"verify no_match: {_VERIFIED}",
}
EVENT_OF_A_COPY = "copy done: faces model table"
EVENT_OF_AN_IMPORT = "import done: face_ids"
EVENT_OF_A_ROTATION = "rotate_key done:"

OWN_FILES = {
    *(f"folder_index/{NAME}.{suffix}" for suffix in ("index", "kept", "lock")),
    "folder_index/.permanent.lock",
    "self_test.json",
    "self_test.json.lock",
    "forgets.log",
}
OF_SQLITE = {"gallery.db", "gallery.db.lock", "gallery.db.reserve"}
LOCKS = {"audit seal", "gallery change", "gallery copy", "gallery schema"}


def rows(program, query):
    with connected(program.url) as connection:
        return {tuple(row) for row in connection.execute(sa.text(query))}


def column(program, query):
    return {value for (value,) in rows(program, query)}


def events_in(trail):
    events = map(json.loads, trail.splitlines())
    return {f"{one['action']} {one['outcome']}: {' '.join(sorted(one['details']))}".rstrip() for one in events}


def events_of(kind):
    others = {"encrypted": {EVENT_OF_A_ROTATION}, "postgresql": {EVENT_OF_A_COPY}}
    return EVENTS.union(*(others.get(part, set()) for part in kind.split("-")))


def files_of(program):
    data = program.home / "data"
    names = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    return names - {"gallery.db-wal", "gallery.db-shm"}  # which newer versions of SQLite make


def as_before(content):
    """The content, as if the owner's table had got no face that was registered with other options, and as if no nose
    was looked for."""
    copied = [one.replace('"faces": 5, "model"', '"faces": 4, "model"') for one in content["events"]]
    faces = [one.replace(', "turn": 0.0', "") for one in content["faces"]]
    return content | {"events": sorted(copied), "faces": sorted(faces)}


def members(path):
    with ZipFile(path) as archive:
        return [(one.filename, one.compress_type, archive.read(one)) for one in archive.infolist()]


@EVERY_KIND
def test_the_trail_is_whole_and_says_what_it_said(program, kind):
    trail = (WRITTEN / kind / "audit.jsonl").read_bytes()
    last = json.loads(trail.splitlines()[-1])
    said = f"{len(trail.splitlines())} events in {last['batch']} batches, 0 not sealed yet\nlast hash: {last['hash']}\n"
    assert last["batch"] > 2
    assert program.command("audit", "verify") == said
    program.command("audit", "export", program.home / "audit.jsonl")
    assert (program.home / "audit.jsonl").read_bytes() == trail
    program.command("gallery", "export", program.home / "gallery.zip")
    program.settle()
    program.command("audit", "verify", "--expect", last["hash"])


@EVERY_KIND
def test_every_person_face_and_picture_is_as_it_was(program, kind):
    program.command("gallery", "export", program.home / "gallery.zip")
    before = members(WRITTEN / kind / "gallery.zip")
    assert members(program.home / "gallery.zip") == before
    assert {how for _, how, _ in before} == {ZIP_STORED}
    assert [name for name, _, _ in before if not name.startswith("crops/")] == [
        "persons.jsonl", "faces.jsonl", "embeddings/0.npy", "embeddings/1.npy", "embeddings/2.npy", "manifest.json",
    ]  # fmt: skip


@EVERY_KIND
def test_faces_are_found_in_each_of_their_spaces(program):
    for photo, name, options in (
        (ALICE, "Alice", {}),
        (ALICE, "Alice", {"model_name": "Facenet", "align": False}),
        (BOB, "Élodie", OTHER_SPACE | {"collection": "staff"}),
    ):
        nearest, *_ = identify(program, photo, **options)
        assert (nearest["name"], nearest["distance"], nearest["match"]) == (name, 0, True)
    assert column(program, "SELECT DISTINCT space FROM embeddings") == SPACES


def test_an_export_is_imported_as_it_was(new):
    program, file = new("sqlite"), WRITTEN / "postgresql-encrypted" / "gallery.zip"
    assert program.command("gallery", "import", file) == "5 persons imported, 0 already present, 0 refused\n"
    program.command("gallery", "export", program.home / "gallery.zip")
    assert members(program.home / "gallery.zip") == members(file)
    program.settle()
    assert EVENT_OF_AN_IMPORT in events_in(program.command("audit", "export"))


@EVERY_KIND
def test_what_was_stored_is_not_stored_again(program, facts):
    assert rows(program, "SELECT key, request FROM answers") == ANSWERS
    with connected(program.url) as connection:  # as if the seven days were not over
        later = "UPDATE answers SET expires_at = '2999-01-01T00:00:00.000000+00:00' WHERE expires_at IS NOT NULL"
        assert connection.execute(sa.text(later)).rowcount == 1
    again = register_first(program)
    assert again | facts["first"] == again
    said = program.command("gallery", "enroll", WRITTEN / "photos" / "people", "--collection", "staff", "--store-crop")
    assert said == "0 photos registered, 3 already registered, 0 refused\n"
    assert program.command("gallery", "stats").startswith("5 persons, 9 faces, ")


@EVERY_KIND
def test_keys_open_and_misses_count_as_before(program, facts):
    for _ in range(3):  # two of the five are in the database
        assert verify(program, ALICE, facts["bob"])["verified"] is False
    assert verify(program, ALICE, facts["bob"], refused=429)["error_code"] == "person_locked"
    program.token = facts["revoked"]
    assert program.ask("GET", "/persons", refused=401)["error_code"] == "unauthorized"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.endswith("encrypted")])
def test_a_rotation_binds_faces_to_their_persons_and_all_are_found_as_before(program, kind):
    assert column(program, "SELECT id FROM sealing_keys") == {SEALING_KEY}
    assert re.search(r"^[1-9]\d* faces encrypted with the first key", program.command("gallery", "rotate-key"), re.M)
    assert column(program, "SELECT id FROM sealing_keys") == {BOUND_KEY}
    assert identify(program, ALICE)[0]["name"] == "Alice"
    program.command("gallery", "export", program.home / "gallery.zip")
    assert members(program.home / "gallery.zip") == members(WRITTEN / kind / "gallery.zip")


@ON_A_SERVER
def test_the_owners_table_has_the_rows_that_would_be_copied(program):
    said = "0 faces written, 4 unchanged, 0 removed\n"
    assert program.command("gallery", "copy-to-pgvector") == said
    program.settle()
    assert EVENT_OF_A_COPY in events_in(program.command("audit", "export"))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_tables_columns_indexes_and_triggers_are_the_same_in_a_new_database(program, kind, new):
    program.command("db", "upgrade")
    known = json.loads((WRITTEN / "schema.json").read_text())[kind]
    assert schema_of(program.url) == known
    other = new(kind)
    other.command("db", "upgrade")
    assert schema_of(other.url) == known


@EVERY_KIND
def test_a_new_gallery_of_the_same_life_is_kept_in_the_same_words(program, kind, new):
    program.command("db", "upgrade")
    other = new(kind)
    live(other)
    assert events_in(other.command("audit", "export")) == events_of(kind)
    assert events_in((WRITTEN / kind / "audit.jsonl").read_bytes()) == events_of(kind)
    assert column(other, "SELECT DISTINCT space FROM embeddings") == SPACES
    with connected(other.url) as connection:  # of the defaults, which the program of 2026-11 did not add
        assert connection.execute(sa.text("DELETE FROM embeddings WHERE place > 0")).rowcount == 2
    assert column(other, "SELECT DISTINCT photo FROM faces") == PHOTOS  # which that program did not keep
    with connected(other.url) as connection:
        connection.execute(sa.text("UPDATE faces SET photo = NULL"))
    own = sha256(f"{other.token.split('_')[1]}\ndefault\n{life.KEY}".encode()).hexdigest()
    assert rows(other, "SELECT key, request FROM answers") == ENROLLED | {(own, OF_THE_REQUEST)}
    assert column(other, "SELECT id FROM sealing_keys") == ({BOUND_KEY} if program.is_encrypted else set())
    assert as_before(content_of(other.url)) == content_of(program.url)
    expected = OWN_FILES | ({"folder_index.encrypted"} if program.is_encrypted else set())
    assert files_of(other) == (expected if program.is_on_a_server else expected | OF_SQLITE)


@IN_FILES
def test_an_index_and_its_draft_are_read_as_they_were(program):
    folder = program.home / "data" / "folder_index"
    assert {path.name for path in folder.iterdir()} == {f"{NAME}.index", f"{NAME}.draft"}
    for draft in (False, True):
        assert said_of(store_of(program).load(KEY, draft=draft)) == INDEX


@IN_FILES
def test_an_index_answers_as_before_while_the_folder_shows_nothing(program):
    (found,) = program.ask("POST", "/find", img=program.photo(ALICE), threshold=0.001)["result"]
    assert [(one["identity"], one["distance"]) for one in found] == [(f"{PHOTO_FOLDER}/{ALICE}", 0)]


@IN_FILES
@pytest.mark.parametrize("is_new", [False, True])
def test_an_index_begins_and_goes_on_in_the_same_bytes(program, is_new):
    store, path = store_of(program), program.home / "data" / "folder_index" / f"{NAME}.index"
    if is_new:
        store.save(KEY, store.load(KEY))
    content = path.read_bytes()
    if program.is_encrypted:
        assert content.startswith(b"sealed 1\n")
        assert content[25:34] == SEALED  # behind the id of the file
        return
    digest, header, archive = content.split(b"\n", 2)
    assert digest.decode() == sha256(header + b"\n" + archive).hexdigest()
    assert header.decode() == HEADER
    with np.load(BytesIO(archive)) as arrays:
        assert {name: arrays[name].dtype.str for name in arrays} == ARRAYS


@IN_FILES
def test_the_self_test_gets_the_answers_that_were_kept(program, kind):
    outcomes = {name: result.outcome for name, result in services_of(program.app).health.self_test.results.items()}
    assert outcomes == {"Dlib": "same answer", "opencv": "same answer"}
    written = WRITTEN / kind / "data" / "self_test.json"
    assert (program.home / "data" / "self_test.json").read_bytes() == written.read_bytes()


def test_the_record_of_weights_is_kept_and_written_as_before(new):
    program = new("sqlite")
    folder = program.home / "home" / ".deepface" / "weights"
    lock = folder / "weights.lock"
    before = lock.read_bytes()
    assert program.command("weights", "verify", "Facenet", "OpenFace").count("ok ") == 2
    assert lock.read_bytes() == before
    lock.unlink()
    program.command("weights", "verify", "Facenet")
    program.command("weights", "accept", "OpenFace")
    assert lock.read_bytes() == before
    (folder / "facenet_weights.onnx").write_text("The weights of facenet_weights.onnX.\n")
    assert "expected SHA-256" in program.app.test_cli_runner().invoke(args=["weights", "verify", "Facenet"]).output


def test_a_bundle_of_weights_is_written_and_taken_as_before(new):
    program, before = new("sqlite"), WRITTEN / "weights.tar"
    program.command("weights", "bundle", program.home / "weights.tar", "Facenet", "OpenFace")
    assert (program.home / "weights.tar").read_bytes() == before.read_bytes()
    folder = program.home / "home" / ".deepface" / "weights"
    for path in folder.iterdir():
        path.unlink()
    program.command("weights", "import", before)
    assert program.command("weights", "verify", "Facenet", "OpenFace").count("ok ") == 2


def test_locks_of_the_database_have_the_same_names():
    folders = [path for path in PROJECT.iterdir() if path.is_dir() and not path.name.startswith((".", "tests"))]
    sources = [path.read_text() for folder in folders for path in folder.rglob("*.py")]
    found = [re.findall(r"hashtext\('([^']*)'\)|_turn\(connection, \"([^\"]*)\"\)", text) for text in sources]
    assert sum(text.count("pg_advisory") for text in sources) == sum(text.count("(hashtext(") for text in sources) == 2
    assert {"".join(pair) for pairs in found for pair in pairs} == LOCKS
