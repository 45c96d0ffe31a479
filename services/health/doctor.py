"""Diagnoses all parts of the service for the operator, before or after a problem."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from core import __version__
from core.exceptions import ServiceError
from core.images.folder import PhotoLister
from core.process import installed_versions, runtime_name
from core.settings import Settings
from services.access.keys import KeyService
from services.database.database import Database
from services.deepface.interface import Engine
from services.faces.options import Defaults
from services.gallery.answers import described
from services.gallery.store.store import GalleryStore
from services.health.self_test import SelfTest
from services.models.catalogue import catalogue
from services.models.catalogue.types import Model, WeightFile
from services.models.extras import package_problem
from services.models.licensing import commercial_use
from services.models.manager import is_installed
from services.models.weights import Weights

_MEGA = 1_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: its subject, the finding, and whether the finding is good."""

    about: str
    found: str
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """The findings about one part of the service."""

    title: str
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
    """Checks the whole service. Changes only the self-test's answers, and prints no secret and no data of a person."""

    settings: Settings
    defaults: Defaults
    engine: Engine
    weights: Weights
    self_test: SelfTest
    store: GalleryStore
    database: Database
    keys: KeyService
    ping_data_path: Callable[[], None]

    def report(self, *, accept: bool = False) -> Iterator[Section]:
        """Yield each section after its checks; with `accept` the self-test stores today's answers."""
        yield Section("Engine", list(self._engine()))
        yield Section("Weights", list(self._weights()))
        yield Section("Licences", list(self._licenses()))
        yield Section("Storage", list(self._store()))
        yield Section("Photos", list(self._photos()))
        yield Section("Limits", list(self._limits()))
        yield Section("Self-test", list(self._tested(accept=accept)))

    @property
    def _models(self) -> list[Model]:
        return [catalogue.find(name) for name in self.defaults.preload]

    def _engine(self) -> Iterator[Finding]:
        settings, device = self.settings, self.engine.device()
        wants_gpu = settings.gpu_device is not None and settings.gpu_device >= 0
        yield Finding("service", __version__)
        yield Finding("framework", runtime_name(settings))
        yield Finding("runs on", device, ok=device == "GPU" or not wants_gpu)
        yield Finding("packages", ", ".join(f"{name} {version}" for name, version in installed_versions().items()))
        yield Finding(
            "threads",
            f"workers: {settings.workers}; per worker: cores: {settings.cores}, lanes: {settings.lanes},"
            f" threads per lane: {settings.threads_per_lane}",
        )

    def _weights(self) -> Iterator[Finding]:
        yield Finding("folder", str(self.settings.deepface_home / ".deepface" / "weights"))
        for model in self._models:
            if problem := package_problem(model):
                yield Finding(model.name, problem, ok=False)
            for file in self.weights.files(model):
                yield self._file(model, file)
        others = [model for model in catalogue.MODELS.values() if model not in self._models]
        here = [model for model in others if is_installed(model, self.weights)]
        for model in here:
            yield from (one for file in self.weights.files(model) if not (one := self._file(model, file)).ok)
        yield Finding("not preloaded", f"{len(here)} of {len(others)} are installed: {', '.join(m.name for m in here)}")

    def _file(self, model: Model, file: WeightFile) -> Finding:
        about, size = f"{model.name}: {file.name}", self.weights.size(file)
        fetch = f"face-service weights fetch {model.name}"
        if size is None:
            return Finding(about, f"not installed. Run: {fetch}", ok=False)
        if problem := self.weights.problem(file, read=True):
            return Finding(about, f"damaged: {problem}. Run: {fetch}", ok=False)
        return Finding(
            about, f"{size / _MEGA:.1f} MB, intact{'' if file.sha256 else ' by the checksum of the first file here'}"
        )

    def _licenses(self) -> Iterator[Finding]:
        yield Finding("LICENSE_POLICY", self.settings.license_policy)
        for model in self._models:
            terms = model.license
            yield Finding(model.name, f"{terms.name}, commercial use: {terms.commercial_use}")
        yield Finding("together", f"commercial use: {commercial_use(self._models)}")

    def _store(self) -> Iterator[Finding]:
        yield from self._tried("DATA_PATH", self._data_path)
        yield from self._tried("database", self._database)
        yield from self._tried("keys", self._access)
        yield Finding(
            "GALLERY_KEY",
            "set" if self.settings.gallery_key else "not set: the gallery and the indexes are not encrypted",
        )

    def _data_path(self) -> Iterator[Finding]:
        self.ping_data_path()
        yield Finding("DATA_PATH", f"{self.settings.data_path}, writable")

    def _database(self) -> Iterator[Finding]:
        status = self.database.status()
        if not status.revision:
            yield Finding("database", f"{status.place}: does not exist yet; the first request creates it")
            return
        self.store.ping()
        yield Finding("database", f"{status.place} answers, schema {status.revision}, up to date")
        yield from self._gallery()

    def _gallery(self) -> Iterator[Finding]:
        if twins := len(self.store.twins()):
            listing = "face-service gallery merge-twins --dry-run"
            yield Finding("names", f"{twins} names belong to several persons. Run: {listing}", ok=False)
        for collection, spaces in self.store.mixed().items():
            usual = max(spaces, key=spaces.__getitem__)
            others = self.store.not_compared(collection, usual).persons
            if others:
                way = f"{described(usual)}, unlike {spaces[usual]} others: no search compares all of them"
                yield Finding("persons", f"{collection}: {others} persons have no face of {way}", ok=False)

    def _access(self) -> Iterator[Finding]:
        if self.keys.has_none():
            yield Finding(
                "keys",
                "none: anyone who can reach the service has full access. Set API_KEYS",
                ok=not self.settings.require_auth,
            )
        else:
            yield Finding("keys", "required")

    def _photos(self) -> Iterator[Finding]:
        for name, path in (("FACES_DB_PATH", self.settings.faces_db_path), ("IMAGES_PATH", self.settings.images_path)):
            if path:
                yield from self._tried(name, partial(self._folder, name, path))
            else:
                yield Finding(name, "not set")

    def _folder(self, name: str, path: str) -> Iterator[Finding]:
        photos = PhotoLister(self.settings.find_skip).photos(path)
        yield Finding(name, f"{path}: {sum(not photo.problem for photo in photos)} photos")

    def _limits(self) -> Iterator[Finding]:
        settings = self.settings
        yield Finding("an image", f"{settings.max_image_bytes} bytes, {settings.max_image_pixels} pixels")
        yield Finding("a request", f"{settings.max_body_bytes} bytes, waits at most {settings.request_timeout_s:g} s")
        yield Finding("waiting", f"{settings.queue_max} requests per worker")
        yield Finding("a key", settings.rate_limit or "unlimited requests")
        yield Finding("an address", settings.rate_limit_address or "unlimited requests")
        yield Finding("images by URL", "allowed" if settings.allow_urls else "not allowed")
        yield Finding("images by path", "allowed" if settings.allow_paths else "not allowed")

    def _tested(self, *, accept: bool) -> Iterator[Finding]:
        for model in self._models:
            try:
                self.engine.load(model.name)
                result = self.self_test.run(model.name, accept=accept)
            except ServiceError as error:
                yield Finding(model.name, error.message, ok=False)
                continue
            found = f"{result.outcome}, {result.milliseconds} ms"
            yield Finding(model.name, f"{found}. {result.message}" if result.message else found, ok=result.passed)
        for name in self.engine.rejected():
            yield Finding(
                "DATA_PATH/networks",
                f"{name} was not made by this service. It is not loaded, but made anew from the weights",
                ok=False,
            )

    def _tried(self, about: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
        """Yield the findings of `look`, or its error, but never an error text that may quote a URL."""
        try:
            yield from look()
        except ServiceError as error:
            yield Finding(about, error.message, ok=False)
        except OSError as error:
            yield Finding(about, error.strerror or "cannot be read", ok=False)
