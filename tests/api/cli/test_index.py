import io
import pickle
import re
import sys
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from flask.cli import ScriptInfo

from api.cli.index import index
from api.cli.options import progress_bar
from api.context import services_of
from core.files import signature_of
from schemas.common import EmbeddingOptions
from services.find.photo_list import Photos
from tests.deepface_files import PKL, rows, write_pickle
from tests.pictures import ALICE, BOB, MASK, photo, write_photo


@pytest.fixture
def settings(settings):
    """Faces found and cut out as DeepFace does it, for its indexes to be taken over."""
    return settings.model_copy(update={"detection": "deepface", "default_alignment": "eyes"})


@pytest.fixture
def folder(photos, app, engine):
    for name, colour in (("alice/1.png", ALICE), ("bob.png", BOB), ("mask.png", MASK)):
        write_photo(photos / name, colour)
    engine.embedded = 0  # preloading embeds as well
    return photos


def imported(app, *arguments):
    result = app.test_cli_runner().invoke(args=["index", "import-pkl", *map(str, arguments)])
    return result.exit_code, result.output


def built(app, *arguments):
    result = app.test_cli_runner().invoke(args=["index", "build", "--model", "Dlib", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(
    "numbers", [{}, {"number": np.float32, "whole": np.int64}, {"number": np.float64, "whole": np.int32}]
)
def test_a_pickle_of_deepface_is_imported_and_only_the_rest_embedded(app, folder, tmp_path, engine, numbers):
    write_pickle(tmp_path / PKL, rows(folder, **numbers)[:-1])
    assert imported(app, tmp_path / PKL) == (0, "2 photos imported; 1 left to embed\n")
    assert engine.embedded == 0
    (index,) = app.test_client().get("/find/indexes").json["indexes"]
    assert (index["state"], index["model"], index["photos"], index["faces"]) == ("stored", "Dlib", 2, 3)
    assert built(app) == "3 photos, 4 faces; 0 pending\n"
    assert engine.embedded == 1


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_build_shows_a_bar_where_somebody_watches(app, folder, monkeypatch):
    watched, silent = Terminal(), io.StringIO()
    for stream, detector in ((watched, "opencv"), (silent, "ssd")):
        monkeypatch.setattr(sys, "stderr", stream)
        index.main(
            ["build", "--model", "Dlib", "--detector", detector],
            obj=ScriptInfo(create_app=lambda: app),
            standalone_mode=False,
        )
    assert re.findall(r"Embedding +\[[#-]+\] +(\d+%)", watched.getvalue())[-1] == "100%"
    assert "#" not in silent.getvalue()


def test_the_bar_shows_how_many_of_how_many_are_done(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_bar("Embedding") as show:
        for done in range(5):
            show(done, 4)
    shown = re.findall(r"(\d+)%", sys.stderr.getvalue())
    assert [text for text, _ in groupby(shown)] == ["0", "25", "50", "75", "100"]


def test_an_import_adds_to_the_index_there_is(app, folder, tmp_path, engine):
    recorded = rows(folder)
    for part in (recorded[:2], recorded[2:3], recorded[3:]):
        write_pickle(tmp_path / PKL, part)
        assert imported(app, tmp_path / PKL)[1].startswith("1 photos imported")
    assert imported(app, tmp_path / PKL)[1] == "0 photos imported; 0 left to embed\n"
    write_photo(folder / "bob.png", ALICE)
    assert imported(app, tmp_path / PKL)[1] == "0 photos imported; 1 left to embed\n"
    assert built(app) == "3 photos, 4 faces; 0 pending\n"
    assert engine.embedded == 1


def test_an_import_keeps_the_draft_of_a_build(app, folder, tmp_path, engine):
    built(app)
    service = services_of(app).find.indexes
    key, store = service._key(EmbeddingOptions(model_name="Dlib")), service._indexer._store
    store.save(
        key,
        store.load(key).updated(Photos.of([("bob.png", signature_of((folder / "bob.png").stat()))]), {}),
        draft=True,
    )
    store._path(key).unlink()
    write_pickle(tmp_path / PKL, rows(folder)[:2])
    assert imported(app, tmp_path / PKL) == (0, "1 photos imported; 1 left to embed\n")
    assert len(store.load(key).photos) == 2
    assert store.load(key, draft=True) is None


def test_a_renamed_pickle_is_imported_as_the_options_say(app, folder, tmp_path, engine):
    file = tmp_path / "old.pkl"
    write_pickle(file, rows(folder))
    code, output = imported(app, file)
    assert (code, output.count("\n")) == (1, 1)
    assert "does not name model and detector" in output
    options = ("--model", "Dlib", "--detector", "ssd", "--no-align", "--expand-percentage", 5)
    assert imported(app, file, *options) == (0, "3 photos imported; 0 left to embed\n")
    built(app, "--detector", "ssd", "--no-align", "--expand-percentage", "5")
    assert engine.embedded == 0


def test_an_import_that_contradicts_the_name_or_knows_no_such_model_is_one_line(app, folder, tmp_path):
    for name, *options in ((PKL, "--model", "ArcFace"), (PKL.replace("dlib", "nobody"),), (PKL.replace("_0", "_200"),)):
        write_pickle(tmp_path / name, rows(folder))
        code, output = imported(app, tmp_path / name, *options)
        assert (code, output.count("\n")) == (1, 1), output
        assert output.startswith("Error: ")


@pytest.mark.parametrize(
    "content",
    [b"", b"no pickle", b"cos\nsystem\n(S'touch canary'\ntR.", pickle.dumps([]) + b"x", pickle.dumps([["old", []]])],
)
def test_a_bad_pickle_is_one_line_and_changes_nothing(app, folder, tmp_path, content):
    (tmp_path / PKL).write_bytes(content)
    code, output = imported(app, tmp_path / PKL)
    assert (code, output.count("\n")) == (1, 1)
    assert "Nothing was imported" in output
    assert str(tmp_path) not in output
    assert app.test_client().get("/find/indexes").json["indexes"] == []
    assert not Path("canary").exists()


def test_an_import_while_the_index_is_built_or_without_a_folder_is_one_line(app, make_app, folder, tmp_path):
    write_pickle(tmp_path / PKL, rows(folder))
    service = services_of(app).find.indexes
    key = service._key(EmbeddingOptions(model_name="Dlib"))
    with service._indexer._store.building(key):
        assert imported(app, tmp_path / PKL) == (
            1,
            "Error: The index of the photo folder is being built. Retry later.\n",
        )
    assert imported(make_app(faces_db_path=""), tmp_path / PKL)[0] == 1


def test_an_index_that_cannot_be_saved_is_one_line(app, folder, tmp_path, settings):
    write_pickle(tmp_path / PKL, rows(folder))
    settings.data_path.mkdir(exist_ok=True)
    (settings.data_path / "folder_index").write_bytes(b"in the way")
    assert imported(app, tmp_path / PKL) == (1, "Error: Nothing was imported: File exists.\n")


def test_an_index_that_a_command_built_is_permanent_and_listed_by_its_name(app, folder):
    client = app.test_client()
    image = {"data": photo(ALICE), "content_type": "image/png"}
    assert client.post("/find?expand_percentage=5&threshold=1", **image).status_code == 200
    built(app, "--detector", "ssd")
    listed = app.test_cli_runner().invoke(args=["index", "list"]).stdout.splitlines()
    assert sorted(listed) == [
        "Dlib/ssd/eyes/deepface/base/0: 3 photos, 3 faces, ready",
        "VGG-Face/opencv/eyes/deepface/base/5 *: 3 photos, 3 faces, ready",
    ]
    indexes = client.get("/find/indexes").json["indexes"]
    assert {index["name"]: index["permanent"] for index in indexes} == {
        "Dlib/ssd/eyes/deepface/base/0": True,
        "VGG-Face/opencv/eyes/deepface/base/5": False,
    }
