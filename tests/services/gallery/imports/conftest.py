"""An import into a SQLite file on the fake engine."""

import pytest

from schemas.gallery import EnrolmentOptions
from services.database.choice import make_database
from tests.services.gallery.imports.importing import importer


@pytest.fixture
def database(tmp_path):
    database = make_database(f"sqlite:///{tmp_path / 'gallery.db'}")
    yield database
    database.close()


@pytest.fixture
def imported(database, engine, settings):
    return importer(database, engine, settings)


@pytest.fixture
def store(imported):
    return imported[0]


@pytest.fixture
def sources(imported):
    return imported[1]


@pytest.fixture
def register(imported):
    """Registers entries; gives how many were registered and known, and what was refused."""

    def register(entries, collection="default", progress=lambda done, total: None, *, dry_run=False, **options):
        done = imported[2].enrol(
            entries,
            collection=collection,
            options=EnrolmentOptions(**options),
            progress=progress,
            dry_run=dry_run,
        )
        return done.enrolled, done.known, done.refused

    return register
