"""docs/how-to/customer_sql.md, its commands as they stand there: a real server and network, psql, a PostgreSQL."""

import os
import re
import subprocess
import sys

import pytest

from api.cli.demo.photos import PhotoFolder
from tests.services.gallery.owner_database import PROJECT, PSQL_FOLDER, asked
from tests.serving import served, wait_for

DOCUMENT = (PROJECT / "docs" / "how-to" / "customer_sql.md").read_text()


def script(role):
    """All commands of the document, in their order; a role belongs to all databases of a server, so it is renamed."""
    lines = ["set -euo pipefail"]
    for language, block in re.findall(r"```(sh|sql)\n(.*?)```", DOCUMENT, re.DOTALL):
        sql = f"psql \"$FACE_EMBEDDINGS_URL\" -At -v ON_ERROR_STOP=1 <<'END'\n{block}END"
        lines.append(block if language == "sh" else sql.replace("terminal", role))
    return "\n".join(lines)


@pytest.mark.models
@pytest.mark.parametrize("gallery_is_in", ["sqlite", "postgresql"])
def test_the_commands_of_the_document_do_what_it_says(tmp_path, owner_url, gallery_is_in):
    database = owner_url if gallery_is_in == "postgresql" else ""
    role = f"terminal_{os.path.basename(tmp_path)}".lower()
    (tmp_path / "deploy").symlink_to(PROJECT / "deploy")
    with served(tmp_path, DEFAULT_DETECTOR="dlib", FACES_DB_PATH="./faces_db", DATABASE_URL=database) as (
        url,
        _,
        process,
    ):
        wait_for(f"{url}/ready", alive=process)
        PhotoFolder(tmp_path / "faces_db").write()
        environment = {
            "PATH": os.pathsep.join([os.path.dirname(sys.executable), str(PSQL_FOLDER), os.environ["PATH"]]),
            "PYTHONPATH": str(PROJECT),
            "FACE_EMBEDDINGS_URL": owner_url,
            "DATABASE_URL": database,
            "DATA_PATH": str(tmp_path / "data"),
            "DEEPFACE_HOME": str(tmp_path / "home"),
            "DEFAULT_DETECTOR": "dlib",  # as in .env.example
        }
        done = subprocess.run(
            ["bash"],
            input=script(role).replace("http://localhost:5000", url),
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stdout
    counts = re.search(
        r"(\d) photos registered, 0 already registered, (\d) refused\n\1 faces written, 0 unchanged, 0 removed\n", said
    )
    enrolled, refused = map(int, counts.groups())
    # dlib takes the badge on the astronaut's suit for a second face in some of the photos.
    assert enrolled >= 6
    assert enrolled + refused == 8
    shown = re.findall(r"^ (\w+) +\| +([\d.]+)$", said, re.MULTILINE)
    assert [label for label, _ in shown] == ["hopper"] * 3
    assert float(shown[0][1]) == 0
    assert said.endswith("hopper\nCREATE ROLE\nGRANT\nCREATE POLICY\n")
    assert asked(owner_url, "SELECT count(*) FROM face_embeddings", role=role) == [(enrolled,)]
