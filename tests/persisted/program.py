"""The program on data below one folder, on the fake engine; what the tests keep was written, and is opened, by it."""

from base64 import b64encode
from pathlib import Path
from typing import Any

from flask import Flask

from api.context import services_of
from api.factory import create_app
from core.settings import Settings
from tests.fakes import FakeEngine

WRITTEN = Path(__file__).parent / "written"
GALLERY_KEY = "5e" * 32

# Below the folder that the process works in, so that an index is of the same folder on every machine.
PHOTO_FOLDER = "/proc/self/cwd/photos"

KINDS = ("sqlite", "sqlite-encrypted", "postgresql", "postgresql-encrypted")


class Program:
    """The service with all that it keeps below `home`, or in the database at the URL; `token` is the key it is asked
    with. The process has to work in `home`."""

    def __init__(self, home: Path, *, kind: str = "sqlite", database_url: str = "", token: str = "") -> None:
        self.home = home
        self.kind = kind
        self.is_on_a_server = kind.startswith("postgresql")
        self.is_encrypted = kind.endswith("encrypted")
        self.url = database_url or f"sqlite:///{home / 'data' / 'gallery.db'}"
        self.token = token
        self.app = self._started(database_url)

    def _started(self, database_url: str) -> Flask:
        settings = Settings(
            faces_db_path=PHOTO_FOLDER,
            data_path=self.home / "data",
            deepface_home=self.home / "home",
            default_model="Dlib",
            min_quality=0,  # drawn faces have no quality
            database_url=database_url,
            gallery_key=GALLERY_KEY if self.is_encrypted else "",
        )
        app = create_app(settings, engine=FakeEngine())
        readiness = services_of(app).health.readiness
        readiness.start()
        assert readiness.wait(10)
        return app

    def command(self, *arguments: object) -> str:
        """What a command says that ends well."""
        result = self.app.test_cli_runner().invoke(args=list(map(str, arguments)))
        assert result.exit_code == 0, result.output
        return result.stdout

    def ask(self, way: str, path: str, *, refused: int = 0, key: str = "", **said: Any) -> Any:
        """The answer to a request of this method and body, or the one with the status that refuses it; `key` is the
        Idempotency-Key."""
        headers = {"X-API-Key": self.token} | ({"Idempotency-Key": key} if key else {})
        answer = self.app.test_client().open(path, method=way, json=said or None, headers=headers)
        assert answer.status_code in ((refused,) if refused else (200, 201)), answer.json
        return answer.json

    def settle(self) -> None:
        """Have everything sealed that was recorded."""
        assert services_of(self.app).audit.log.flush(30)

    def photo(self, name: str) -> str:
        """A photo that is kept here, as requests carry it."""
        return b64encode((WRITTEN / "photos" / name).read_bytes()).decode()
