"""`face-service import …`, on the fake engine."""

import sqlite3

import pytest
from deepface.modules.database.sqlite import SqliteClient

from schemas.gallery import EnrolmentOptions
from tests.api.cli.test_gallery import run
from tests.pictures import ALICE, BOB, encoded, photo, write_photo
from tests.services.gallery.imports.compreface import KEY
from tests.services.gallery.imports.compreface_server import serving
from tests.services.gallery.imports.test_deepface import record
from tests.services.gallery.imports.test_photos import ALICES, TWO
from tests.services.gallery.imports.xmp import lightroom, with_xmp


def persons(client, collection="default"):
    return {one["name"]: one["faces"] for one in client.get(f"/persons?collection={collection}").json["persons"]}


def refused(app, *arguments):
    result = app.test_cli_runner().invoke(args=["import", *map(str, arguments)])
    assert result.exit_code != 0
    return result.stderr.splitlines()[-1]


@pytest.fixture
def people(tmp_path):
    write_photo(tmp_path / "people" / "Alice" / "1.png", ALICE)
    write_photo(tmp_path / "people" / "Bo\x1b[2Jb" / "1.png", BOB)
    return tmp_path / "people"


def test_a_folder_of_people_is_imported_and_says_what_was_refused(app, client, people):
    report = "Bo\\x1b[2Jb/1.png: validation_error (name)\n"
    said = f"{report}1 photos would be registered, 0 already registered, 1 refused\n"
    assert run(app, "import", "people", people, "--dry-run") == (0, said)
    assert persons(client) == {}
    assert run(app, "import", "people", people)[1] == f"{report}1 photos registered, 0 already registered, 1 refused\n"
    said = f"{report}0 photos registered, 1 already registered, 1 refused\n"
    assert run(app, "gallery", "enroll", people)[1] == said
    assert persons(client) == {"Alice": 1}


def test_a_csv_file_of_people_is_imported(app, client, people, tmp_path):
    file = people / "people.csv"
    file.write_text("name,photo,labels,retain_until\nZoë,Alice/1.png,team=navy,2030-01-31\n")
    said = "1 photos registered, 0 already registered, 0 refused\n"
    assert run(app, "import", "people", "--csv", file) == (0, said)
    (person,) = client.get("/persons").json["persons"]
    assert (person["name"], person["labels"]) == ("Zoë", {"team": "navy"})
    assert person["retain_until"] == "2030-01-31T23:59:59Z"
    elsewhere = tmp_path / "elsewhere.csv"
    elsewhere.write_bytes(file.read_bytes())
    assert run(app, "import", "people", "--csv", elsewhere)[0] == 1
    assert run(app, "import", "people", people, "--csv", elsewhere, "--collection", "staff") == (0, said)
    elsewhere.write_text("name\n")
    assert refused(app, "people", "--csv", elsewhere).startswith("Error: The first line must name each column once")
    assert refused(app, "people") == "Error: Pass FOLDER or --csv."


def test_the_photos_of_double_take_are_imported(app, client, people, tmp_path):
    (tmp_path / "storage").mkdir()
    people.rename(tmp_path / "storage" / "train")
    assert run(app, "import", "double-take", tmp_path / "storage")[0] == 0
    assert persons(client) == {"Alice": 1}


def test_the_named_faces_of_photos_are_imported(app, client, photos):
    (photos / "1.jpg").write_bytes(with_xmp(encoded(TWO, ".jpg"), lightroom(ALICES)))
    said = "1 faces registered, 0 already registered, 0 refused\n"
    assert run(app, "import", "photos", "--xmp", photos) == (0, said)
    assert persons(client) == {"Alice": 1}


def test_a_server_of_compreface_is_imported(app, client, monkeypatch):
    with serving({"Alice": [photo(ALICE)], "Nobody": []}) as server:
        said = "Nobody: no_image\n1 photos registered, 0 already registered, 1 refused\n"
        arguments = ("import", "compreface", "--url", server.url, "--collection", "door")
        assert run(app, *arguments, "--api-key", KEY) == (0, said)
        monkeypatch.setenv("COMPREFACE_API_KEY", KEY)
        said = "Nobody: no_image\n0 photos registered, 1 already registered, 1 refused\n"
        assert run(app, *arguments) == (0, said)
    assert persons(client, "door") == {"Alice": 1}
    assert refused(app, "compreface", "--url", server.url) == "Error: The server does not answer."
    monkeypatch.delenv("COMPREFACE_API_KEY")
    assert refused(app, "compreface", "--url", server.url) == "Error: --url needs --api-key."
    assert refused(app, "compreface") == "Error: Pass --database or --url."
    said = "Error: The database must be a URL postgresql://…."
    assert refused(app, "compreface", "--database", "x.db") == said


def test_the_tables_of_deepface_are_imported(app, client, tmp_path, monkeypatch):
    database = SqliteClient(str(tmp_path / "deepface.db"))
    database.insert_embeddings([record("Alice/1.jpg", 1), record("Alice/2.jpg", 2, aligned=False)])
    database.close()
    about = ("--normalization", "base", "--expand-percentage", 0, "--person-from", "folder")
    said = "2 faces registered, 0 already registered, 0 refused\n"
    assert run(app, "import", "deepface", "--database", tmp_path / "deepface.db", *about) == (0, said)
    (person,) = client.get("/persons").json["persons"]
    assert person["faces"] == 2
    listed = client.get(f"/persons/{person['id']}").json["face_list"]
    assert {face["alignment"] for face in listed} == {"eyes", "none"}
    face = client.get(f"/faces/{listed[0]['id']}").json
    assert face["photo"] in ("Alice/1.jpg", "Alice/2.jpg")
    assert face["quality"]["score"] == 0
    monkeypatch.setenv("DEEPFACE_SQLITE_PATH", str(tmp_path / "deepface.db"))
    assert run(app, "import", "deepface", *about)[1] == "0 faces registered, 2 already registered, 0 refused\n"
    for left_out in range(0, len(about), 2):
        given = list(map(str, about[:left_out] + about[left_out + 2 :]))
        result = app.test_cli_runner().invoke(args=["import", "deepface", *given])
        assert (result.exit_code, f"Missing option '{about[left_out]}'" in result.stderr) == (2, True)


def test_the_persons_of_deepstack_are_listed(app, client, people, tmp_path):
    with sqlite3.connect(tmp_path / "faceembedding.db") as connection:
        connection.execute("CREATE TABLE TB_EMBEDDINGS(userid TEXT PRIMARY KEY, embedding TEXT NOT NULL)")
        connection.executemany("INSERT INTO TB_EMBEDDINGS VALUES (?, '[]')", [("Alice",), ("Tom\x1b[2J",)])
    connection.close()
    run(app, "import", "people", people)
    said = "Tom\\x1b[2J\n1 persons to register, 1 in the gallery\n"
    assert run(app, "import", "deepstack", tmp_path / "faceembedding.db") == (0, said)


@pytest.mark.parametrize("name", ["people", "double-take", "photos", "compreface"])
def test_a_command_that_embeds_takes_the_options_of_register(app, name):
    taken = {option.name for option in app.cli.commands["import"].commands[name].params}
    assert set(EnrolmentOptions.model_fields) - {"enforce_detection"} <= taken
    assert {"collection", "dry_run"} <= taken
