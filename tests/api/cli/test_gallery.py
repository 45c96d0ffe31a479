"""`face-service gallery …` and `db …`, on the fake engine."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.gallery import EnrolmentOptions
from services.find.index import FolderIndex
from services.find.store import FolderIndexStore
from tests.api.v1.test_gallery import register
from tests.pictures import ALICE, ALICIA, BOB, write_photo
from tests.services.find.test_store import KEY


@pytest.fixture
def folder(tmp_path):
    for name, colours in (("Alice/1.png", [ALICE]), ("Alice/2.png", [ALICIA]), ("Bob/1.png", [BOB]), ("3.png", [BOB])):
        write_photo(tmp_path / "people" / name, *colours)
    return tmp_path / "people"


def run(app, *arguments):
    result = app.test_cli_runner().invoke(args=list(map(str, arguments)))
    return result.exit_code, result.stdout


def test_an_empty_gallery_has_its_statistics(app):
    code, said = run(app, "gallery", "stats")
    assert (code, said.rpartition(",")[0]) == (0, "0 persons, 0 faces")


def test_statistics_tell_collections_persons_and_faces_by_space(app, folder):
    run(app, "gallery", "enroll", folder, "--model", "Dlib")
    run(app, "gallery", "enroll", folder, "--model", "Dlib", "--collection", "staff", "--no-align")
    first, *others = run(app, "gallery", "stats")[1].splitlines()
    assert first.startswith("4 persons, 6 faces, ")
    assert first.endswith(" MB")
    assert others == [
        "default: 2 persons",
        "  3 faces: model VGG-Face, alignment eyes, detection bounded, normalization base, expand_percentage 0",
        "  3 faces: model Dlib, alignment template, detection bounded, normalization base, expand_percentage 0",
        "staff: 2 persons",
        "  3 faces: model VGG-Face, alignment eyes, detection bounded, normalization base, expand_percentage 0",
        "  3 faces: model Dlib, alignment none, detection bounded, normalization base, expand_percentage 0",
    ]


def test_a_folder_is_enrolled_and_says_what_was_refused(app, client, folder):
    said = "3.png: no_person\n3 photos registered, 0 already registered, 1 refused\n"
    assert run(app, "gallery", "enroll", folder) == (0, said)
    said = "3.png: no_person\n0 photos registered, 3 already registered, 1 refused\n"
    assert run(app, "gallery", "enroll", folder) == (0, said)
    persons = client.get("/persons").json["persons"]
    assert [(person["name"], person["faces"]) for person in persons] == [("Alice", 2), ("Bob", 1)]


def test_photos_of_low_quality_are_counted_by_what_is_wrong(make_app, folder):
    write_photo(folder / "Dark" / "1.png", (0, 0, 64))
    poor = "".join(f"{name}: low_quality\n" for name in ("Alice/1.png", "Alice/2.png", "Bob/1.png", "Dark/1.png"))
    counts = "Photos of low quality: 4 blurred, 1 too_dark\n"
    app = make_app(min_quality=0.45)
    code, said = run(app, "gallery", "enroll", folder)
    assert (code, said) == (
        1,
        f"3.png: no_person\n{poor}{counts}0 photos registered, 0 already registered, 5 refused\n",
    )
    code, said = run(app, "gallery", "enroll", folder, "--min-quality", 0)
    assert (code, said) == (0, "3.png: no_person\n4 photos registered, 0 already registered, 1 refused\n")
    assert run(app, "gallery", "enroll", folder)[1].endswith("\n0 photos registered, 4 already registered, 1 refused\n")


def test_every_option_of_an_enrolment_may_be_given(app, client, folder):
    given = [
        "--alignment",
        "eyes",
        "--detection",
        "full",
        "--store-crop",
        "--face-policy",
        "largest",
        "--max-faces",
        "3",
    ]
    more = ["--on-duplicate", "merge", "--min-quality", "0", "--anti-spoofing", "--model", "Dlib"]
    assert run(app, "gallery", "enroll", folder, *given, *more)[0] == 0
    (person, *_) = client.get("/persons").json["persons"]
    (face, *_) = client.get(f"/persons/{person['id']}").json["face_list"]
    assert (face["model"], face["alignment"], face["detection"], face["has_crop"]) == ("Dlib", "eyes", "full", True)
    assert (face["normalization"], face["expand_percentage"], face["weights"]) == ("base", 0, "fake")
    assert 0 < face["liveness"] <= 1
    command = app.cli.commands["gallery"].commands["enroll"]
    assert {option.name for option in command.params} - {"folder", "collection"} == set(
        EnrolmentOptions.model_fields
    ) - {"enforce_detection"}
    for name in ("copy-to-pgvector", "enroll"):
        code, said = run(app, "gallery", name, "--help")
        assert (code, "--alignment" in said, "--detection" in said) == (0, True, True)


def test_a_folder_of_which_nothing_can_be_enrolled_is_a_failure(app, tmp_path):
    write_photo(tmp_path / "people" / "1.png", ALICE)
    result = app.test_cli_runner().invoke(args=["gallery", "enroll", str(tmp_path / "people")])
    assert (result.exit_code, result.stdout.splitlines()[0]) == (1, "1.png: no_person")
    assert result.stderr.endswith("Error: No photo could be registered. FOLDER needs a folder of photos per person.\n")
    assert run(app, "gallery", "enroll", tmp_path / "nowhere")[0] == 2
    assert run(app, "gallery", "enroll", tmp_path, "--collection", "not a name")[0] == 2


def test_an_error_of_the_service_is_one_line(app, engine, folder):
    engine.missing = {"Dlib"}
    result = app.test_cli_runner().invoke(args=["gallery", "enroll", str(folder), "--model", "Dlib"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == "Error: Dlib is missing"


def test_those_whose_time_is_over_are_forgotten(app, client):
    now = datetime.now(UTC)
    for number in range(3):
        register(client, ALICE, f"over {number}", retain_until=(now - timedelta(days=1)).isoformat())
    register(client, BOB, "Bob", retain_until=(now + timedelta(days=1)).isoformat())
    assert run(app, "gallery", "expire") == (0, "3 persons deleted\n")
    assert run(app, "gallery", "expire") == (0, "0 persons deleted\n")
    assert [person["name"] for person in client.get("/persons").json["persons"]] == ["Bob"]


def test_the_database_is_brought_up_to_date_once_and_again(app, settings):
    for _ in range(2):
        assert run(app, "db", "upgrade") == (0, "The database has the newest schema.\n")
    assert (settings.data_path / "gallery.db").stat().st_size > 0


def test_a_database_that_does_not_answer_is_one_line(make_app, tmp_path):
    app = make_app(database_url=f"sqlite:///{tmp_path}")
    result = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert (result.exit_code, result.stderr) == (1, "Error: The database does not answer.\n")


def test_a_purge_says_what_came_of_each_step(app):
    assert run(app, "gallery", "purge") == (0, "WAL: done\n")
    assert "Backups" in run(app, "gallery", "purge", "--help")[1]


def test_a_gallery_is_exported_and_imported_elsewhere(app, make_app, folder, tmp_path):
    run(app, "gallery", "enroll", folder)
    file = tmp_path / "gallery.zip"
    assert run(app, "gallery", "export", file) == (0, "2 persons, 3 faces exported\n")
    other = make_app(data_path=tmp_path / "other")
    assert run(other, "gallery", "import", file) == (0, "2 persons imported, 0 already present, 0 refused\n")
    assert run(other, "gallery", "import", file) == (0, "0 persons imported, 2 already present, 0 refused\n")
    third = make_app(data_path=tmp_path / "third")
    register(third.test_client(), BOB, "Bob")
    said = "Bob: another person has the name or one of the faces\n1 persons imported, 0 already present, 1 refused\n"
    assert run(third, "gallery", "import", file) == (0, said)


def test_a_file_that_cannot_be_read_or_written_is_one_line(app, tmp_path):
    (tmp_path / "file").write_bytes(b"no zip")
    for arguments, said in (
        (("import", tmp_path / "file"), "Error: The file is not an export of a gallery, or is damaged.\n"),
        (("export", tmp_path / "file" / "export.zip"), "Error: The file cannot be written: File exists.\n"),
    ):
        result = app.test_cli_runner().invoke(args=["gallery", *map(str, arguments)])
        assert (result.exit_code, result.stderr) == (1, said)


def test_a_copy_needs_a_postgresql_and_says_so_on_one_line(app, make_app, monkeypatch):
    def refused(*arguments):
        result = app.test_cli_runner().invoke(args=["gallery", "copy-to-pgvector", *arguments])
        assert (result.exit_code, result.stdout) == (1, "")
        return result.stderr

    assert refused() == "Error: The URL of the table's database must be postgresql://….\n"
    assert refused("--database", "sqlite:///x") == "Error: The table must be in PostgreSQL. Use a URL postgresql://….\n"
    monkeypatch.setenv("FACE_EMBEDDINGS_URL", "postgresql://nobody:secret@127.0.0.1:1/nothing")
    assert refused() == "Error: The table's database does not answer, or refuses this user.\n"
    assert "FACE_EMBEDDINGS_URL" in run(app, "gallery", "copy-to-pgvector", "--help")[1]


def test_an_index_that_is_being_built_is_left_and_said(make_app, settings):
    run(make_app(), "gallery", "stats")
    app = make_app(gallery_key=("ab" * 32,))
    said = "0 faces encrypted with the first key; no other key is in use\n"
    assert run(app, "gallery", "rotate-key") == (0, said)
    indexes = FolderIndexStore(settings.data_path / "folder_index")
    with indexes.building(KEY):
        indexes.save(KEY, FolderIndex.empty())
        result = app.test_cli_runner().invoke(args=["gallery", "rotate-key"])
        assert (result.exit_code, result.stdout) == (1, said)
        assert result.stderr.endswith("Error: 1 indexes are being built or cannot be written. Run the command again.\n")
    assert run(app, "gallery", "rotate-key") == (0, said)
    assert indexes.load(KEY) is None
