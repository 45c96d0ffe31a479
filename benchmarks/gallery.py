"""The gallery's speed: identifying, registering and opening, in SQLite and in PostgreSQL with pgvector."""

import os
import tempfile
from pathlib import Path

from benchmarks.servers import machine
from core.process import prepare_process
from core.settings import Settings

SIZES = ((10_000, 512), (100_000, 512))  # faces and dimension


def main() -> None:
    """Print the tables, all but those of a gallery that PostgreSQL needs ten minutes to index."""
    measure(SIZES)


def measure(sizes: tuple[tuple[int, int], ...]) -> None:
    """Print the tables of galleries of these sizes, and of the last what registering and opening take."""
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        os.chdir(home)  # away from the project's .env
        prepare_process(Settings(deepface_home=home))
        # Only now: numpy reads at import how many threads it may use.
        from benchmarks.gallery_faces import People
        from benchmarks.gallery_measures import print_opening, print_registering, print_search, print_terms
        from benchmarks.gallery_stores import Stores
        from tests.postgresql import running

        # So that the index of the largest gallery fits, as that of whoever wants its speed does.
        with running(shared_buffers="2GB") as server:
            print_terms(server.url)
            for count, dimension in sizes:
                people = People.made(count, dimension)
                stores = Stores.filled(home / f"{count}.db", server.url, people)
                print_search(people, stores)
            print_registering(home, people, stores)
            print_opening(people, stores)
