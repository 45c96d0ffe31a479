"""The use cases of managing the models on this machine: list, fetch, verify, accept, bundle and import them."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core.exceptions import CommandError
from services.models.bundles import BadBundle, Counted, WeightBundles
from services.models.catalogue import catalogue
from services.models.catalogue.types import Model, WeightFile
from services.models.checksums import UnreadableLock
from services.models.downloads import FetchError, Progress
from services.models.extras import package_problem
from services.models.licensing import LicensePolicy
from services.models.weights import Weights

logger = logging.getLogger(__name__)
_MEGABYTE = 1_000_000

__all__ = ["BadBundle", "FetchError", "ModelRow", "ModelService", "UnknownModel", "UnreadableLock"]


class UnknownModel(CommandError):
    """There is no model of that name; the message lists the names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """A model of the catalogue, and whether its files and packages are installed.

    `package` is the command that installs its packages. `problem` says why they do not work here.

    `size` is the total of the files in bytes, None if the size of one is unknown. `commercial_use` is from the licence.
    """

    name: str
    task: str
    files: tuple[str, ...]
    size: int | None
    commercial_use: str
    installed: bool
    package: str | None
    problem: str | None


def is_installed(model: Model, weights: Weights) -> bool:
    """Whether the files of `model` are installed, and the packages it needs work."""
    return package_problem(model) is None and not weights.missing(model)


def size_of(file: WeightFile, weights: Weights) -> int | None:
    """The bytes of the local file, or else of the published one; None if no size is published."""
    here = weights.size(file)
    return file.size if here is None else here


def total_size(models: Iterable[Model], weights: Weights) -> int | None:
    """The bytes of all files of these models, as in `size_of`; None if the size of one is unknown."""
    sizes = [size_of(file, weights) for model in models for file in weights.files(model)]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """A checked weight file: its model, whether it is on this machine, and its problem, None if there is none."""

    name: str
    model: str
    is_here: bool
    problem: str | None


class ModelService:
    """Lists the catalogue and manages the weights; only this service downloads."""

    def __init__(self, *, weights: Weights, licenses: LicensePolicy) -> None:
        self._weights = weights
        self._licenses = licenses
        self._bundles = WeightBundles(weights=weights)

    def rows(self) -> list[ModelRow]:
        """Every model of the catalogue."""
        return [self._row(model) for model in catalogue.MODELS.values()]

    def _row(self, model: Model) -> ModelRow:
        return ModelRow(
            name=model.name,
            task=model.task,
            files=tuple(file.name for file in self._weights.files(model)),
            size=total_size([model], self._weights),
            commercial_use=model.license.commercial_use,
            installed=is_installed(model, self._weights),
            package=None if model.extra is None else model.extra.command,
            problem=package_problem(model),
        )

    def of_preset(self, name: str) -> list[str]:
        """The names of the models of a preset.

        Raises:
            UnknownModel: there is no preset of that name.
        """
        if name not in catalogue.PRESETS:
            raise UnknownModel(f"Unknown preset {name!r}. Use one of: {', '.join(catalogue.PRESETS)}")
        return [model.name for model in catalogue.models_of(catalogue.PRESETS[name])]

    def to_fetch(self, names: Iterable[str]) -> list[WeightFile]:
        """The missing or damaged files of the named models.

        Raises:
            UnknownModel: one of the names is unknown.
            LicenseForbidden: LICENSE_POLICY forbids one of the models.
        """
        models = _models(names)
        self._licenses.require(*(model.name for model in models))
        files = {file.name: file for model in models for file in self._weights.files(model)}
        return [file for file in files.values() if self._weights.size(file) is None or self._weights.problem(file)]

    def fetch(self, file: WeightFile, progress: Progress) -> None:
        """Fetch one of these files.

        Raises:
            FetchError, UnreadableLock, OSError: as `Weights.fetch`.
        """
        self._weights.fetch(file, progress)

    def verify(self, names: Iterable[str]) -> Iterator[CheckedFile]:
        """Check the files of the named models, or without names all local files, by reading every byte.

        Raises:
            UnknownModel: one of the names is unknown.
        """
        asked = tuple(names)
        models = _models(asked) if asked else list(catalogue.MODELS.values())
        for model in models:
            for file in self._weights.files(model):
                is_here = self._weights.size(file) is not None
                if is_here or asked:
                    problem = self._weights.problem(file, read=True)
                    yield CheckedFile(name=file.name, model=model.name, is_here=is_here, problem=problem)

    def accept(self, names: Iterable[str]) -> list[str]:
        """Trust the local files of the named models even if they differ from the published checksums.

        Raises:
            UnknownModel: one of the names is unknown.
            UnreadableLock, OSError: as `Weights.accept`.
        """
        files = [file for model in _models(names) for file in self._weights.files(model)]
        for file in files:
            self._weights.accept(file)
        return [file.name for file in files]

    def bundle(self, path: Path, names: Iterable[str], progress: Counted) -> list[str]:
        """Write the files of the named models to one archive; returns the names of the files.

        Raises:
            UnknownModel: one of the names is unknown.
            BadBundle, OSError: as `WeightBundles.write`.
        """
        return self._bundles.write(path, _models(names), progress)

    def import_bundle(self, path: Path, progress: Counted) -> list[str]:
        """Install the files of an archive; returns their names.

        Raises:
            BadBundle, UnreadableLock, OSError: as `WeightBundles.read`.
        """
        return self._bundles.read(path, progress)


def _models(names: Iterable[str]) -> list[Model]:
    try:
        return [catalogue.find(name) for name in names]
    except KeyError as error:
        raise UnknownModel(f"Unknown model {error}. Use one of: {', '.join(catalogue.MODELS)}") from None


class AutoFetch:
    """Fetches the files of each named model once, in the thread that first needs it."""

    def __init__(self, *, models: ModelService, names: Iterable[str]) -> None:
        self._models = models
        self._waiting = set(names)

    def prepare(self, name: str, say: Callable[[str], None]) -> None:
        """Fetch the missing files of the model, and report progress to `say`.

        A failure is logged here; loading the model then raises the error.
        """
        if name not in self._waiting:
            return
        self._waiting.discard(name)
        try:
            for file in self._models.to_fetch([name]):
                logger.info("fetching", extra={"file": file.name})
                self._models.fetch(file, partial(_say, say, file.name))
        except (FetchError, UnreadableLock) as error:
            logger.error("fetching failed: %s", error)
        except OSError as error:
            logger.error("fetching failed: the weights folder cannot be written: %s", error.strerror)


def _say(say: Callable[[str], None], name: str, done: int, total: int | None) -> None:
    of = f" of {total / _MEGABYTE:.0f}" if total else ""
    say(f"Fetching {name}: {done / _MEGABYTE:.0f}{of} MB.")
