"""What is found out about GALLERY_KEY before the server forks."""

from contextlib import closing
from functools import partial

import pytest
import sqlalchemy as sa

from core.settings import SettingsError
from services.bootstrap.build import build_services
from services.find.index import FolderIndex
from services.gallery.store.pgvector_search import PgVectorSearch
from services.gallery.store.sqlite_search import MatrixSearch
from services.gallery.store.store import GalleryStore
from services.preflight import begin_encryption, open_database, open_indexes, photo_folder_problem
from tests.fakes import FakeEngine
from tests.postgresql import new_database, running
from tests.services.find.test_store import KEY
from tests.services.gallery.store.test_store import register

GALLERY_KEY = {"gallery_key": ("ab" * 32,)}
NOBODY = "postgresql://127.0.0.1:1/nobody"


def register_ann(settings, name="Ann"):
    with closing(open_database(settings)) as database:
        register(GalleryStore(database, MatrixSearch(database)), name)


def test_without_a_gallery_there_is_nothing_to_say_and_none_is_made(settings):
    for changes in ({}, GALLERY_KEY):
        assert begin_encryption(settings.model_copy(update=changes)) == []
    assert not settings.data_path.exists()


def test_what_is_not_encrypted_is_said_and_a_wrong_key_refused(settings):
    register_ann(settings)
    assert begin_encryption(settings) == []
    with_key = settings.model_copy(update=GALLERY_KEY)
    (said,) = begin_encryption(with_key)
    assert said.startswith("1 faces are not encrypted with the first key of GALLERY_KEY. Run: face-service ")
    register_ann(with_key, "Bob")
    with pytest.raises(SettingsError, match=r"^GALLERY_KEY: the gallery is encrypted, but no encryption key is set$"):
        begin_encryption(settings)
    with pytest.raises(SettingsError, match=r"^GALLERY_KEY: the encryption key does not match this gallery$"):
        begin_encryption(settings.model_copy(update={"gallery_key": ("cd" * 32,)}))


def test_of_postgresql_it_is_said_that_embeddings_are_not_encrypted_even_while_it_is_away(settings):
    (away,) = begin_encryption(settings.model_copy(update={"database_url": NOBODY}))
    again, said = begin_encryption(settings.model_copy(update={"database_url": NOBODY, **GALLERY_KEY}))
    assert away == again
    assert said.startswith("Embeddings in PostgreSQL are not encrypted")


def test_plain_indexes_are_encrypted_and_one_that_is_being_built_is_told(settings):
    open_indexes(settings).save(KEY, FolderIndex.empty())
    with_key = settings.model_copy(update=GALLERY_KEY)
    with open_indexes(settings).building(KEY):
        (said,) = begin_encryption(with_key)
    assert said.startswith("1 indexes of the photo folder could not be encrypted. Run: face-service ")
    assert begin_encryption(with_key) == []
    assert open_indexes(with_key).load(KEY) is not None


@pytest.mark.parametrize("database_url", ["", NOBODY])
@pytest.mark.parametrize("draft", [False, True])
def test_a_key_that_does_not_open_an_index_is_refused_also_where_nothing_else_is_encrypted(
    settings, database_url, draft
):
    settings = settings.model_copy(update={"database_url": database_url})
    with_key = settings.model_copy(update=GALLERY_KEY)
    open_indexes(with_key).save(KEY, FolderIndex.empty(), draft=draft)
    (path,) = (settings.data_path / "folder_index").glob("*.draft" if draft else "*.index")
    sealed = path.read_bytes()
    for given, problem in (
        (settings, "an index of the photo folder is encrypted, but no encryption key is set"),
        (
            settings.model_copy(update={"gallery_key": ("cd" * 32,)}),
            "the encryption key does not match an index of the photo folder",
        ),
    ):
        for start in (begin_encryption, open_indexes, partial(build_services, engine=FakeEngine())):
            with pytest.raises(
                SettingsError, match=rf"^GALLERY_KEY: {problem}\. Set the right key, or delete DATA_PATH/folder_index "
            ):
                start(given)
    assert path.read_bytes() == sealed
    begin_encryption(settings.model_copy(update={"gallery_key": ("cd" * 32, *GALLERY_KEY["gallery_key"])}))
    assert path.read_bytes() != sealed


def test_in_postgresql_without_pictures_no_key_is_needed_until_an_index_is_encrypted(settings):
    with running() as server:
        settings = settings.model_copy(update={"database_url": new_database(server.url)})
        with_key = settings.model_copy(update=GALLERY_KEY)
        with closing(open_database(with_key)) as database:
            register(GalleryStore(database, PgVectorSearch(database)), "Ann")
        assert begin_encryption(settings) == []
        open_indexes(with_key).save(KEY, FolderIndex.empty())
        with pytest.raises(SettingsError, match=r"^GALLERY_KEY: an index of the photo folder is encrypted"):
            begin_encryption(settings)


@pytest.mark.parametrize(
    ("url", "host", "cause"),
    [
        ("postgresql://me:s3cret@127.0.0.1:1/faces", "127.0.0.1", "Connection refused"),
        ("postgresql://me@127.0.0.1:1/faces?password=s3cret", "127.0.0.1", "Connection refused"),
        ("postgresql://me:s3cret@[::1]:1/faces", "::1", "Connection refused"),
        ("postgresql://me:s3cret@nowhere.invalid/faces", "nowhere.invalid", "nowhere.invalid"),
        ("postgresql://me:s3cret@127.0.0.1:1/faces?nonsense=s3cret", "127.0.0.1", "nonsense"),
    ],
)
def test_a_database_that_does_not_answer_is_named_with_the_cause_and_without_its_password(settings, url, host, cause):
    (said,) = begin_encryption(settings.model_copy(update={"database_url": url}))
    assert said.startswith(f"The database does not answer. {host}: ")
    assert cause in said
    assert "s3cret" not in said
    assert "\n" not in said


def test_what_the_server_says_is_the_cause(settings):
    with running() as server:
        for change, cause in (
            ({"database": "nothing"}, '"nothing" does not exist'),
            ({"username": "nobody"}, "nobody"),
        ):
            url = sa.make_url(server.url).set(password="s3cret", **change).render_as_string(hide_password=False)
            (said,) = begin_encryption(settings.model_copy(update={"database_url": url}))
            assert cause in said
            assert "s3cret" not in said


@pytest.mark.parametrize("url", [
    "garbage", "mysql://me:s3cret@host/faces", "postgresql://me:s3cret@host:port/faces", "http://s3cret@host/",
    "postgresql://me:s3@cret@host/faces", "postgresql:me:s3cret", "//me:s3cret@host/faces",
])  # fmt: skip
def test_a_url_of_no_database_stops_the_start_and_is_not_repeated(settings, url):
    with pytest.raises(SettingsError, match=r"^DATABASE_URL: the URL is not valid\. [^;\n]+$") as caught:
        begin_encryption(settings.model_copy(update={"database_url": url}))
    assert "cret" not in str(caught.value)


def test_a_photo_folder_that_is_none_is_a_problem(settings, photos):
    assert photo_folder_problem(settings) == ""
    assert photo_folder_problem(settings.model_copy(update={"faces_db_path": ""})) == ""
    for path in (photos / "nothing", photos / "file"):
        (photos / "file").write_text("")
        problem = photo_folder_problem(settings.model_copy(update={"faces_db_path": str(path)}))
        assert problem.startswith("The folder FACES_DB_PATH does not exist.")
        assert str(photos) not in problem
