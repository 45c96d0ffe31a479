"""DeepStack's file, with the table that DeepStack and CodeProject.AI make."""

import sqlite3

import pytest

from services.gallery.imports.foreign import UnreadableDatabase
from tests.pictures import ALICE, write_photo


@pytest.fixture
def file(tmp_path):
    with sqlite3.connect(tmp_path / "faceembedding.db") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS TB_EMBEDDINGS(userid TEXT PRIMARY KEY, embedding TEXT NOT NULL)")
        rows = [("Tom Cruise", "[0.1, -0.2]"), ("Adele", "[0.3, 0.4]"), ("alice", "[]"), ("Al\x1b[2Jice", "no list")]
        connection.executemany("INSERT INTO TB_EMBEDDINGS VALUES (?, ?)", rows)
    connection.close()
    return str(tmp_path / "faceembedding.db")


def test_the_persons_whom_the_collection_lacks_are_listed(register, sources, file, photos):
    assert sources.deepstack(file, "default") == (["Adele", "Al\x1b[2Jice", "Tom Cruise", "alice"], 0)
    write_photo(photos / "Alice" / "1.png", ALICE)
    register(sources.people(photos))
    assert sources.deepstack(file, "default") == (["Adele", "Al\x1b[2Jice", "Tom Cruise"], 1)
    assert sources.deepstack(file, "door")[1] == 0


def test_another_file_is_said_on_one_line(sources, tmp_path):
    sqlite3.connect(tmp_path / "empty.db").close()
    with pytest.raises(UnreadableDatabase, match="lacks the tables of DeepStack"):
        sources.deepstack(str(tmp_path / "empty.db"), "default")
