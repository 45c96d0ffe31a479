"""The use-case of managing the models on this machine: which are here, and fetching the rest."""

import importlib.util
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from services.engine import catalogue
from services.engine.base import FetchError, Progress, Weights
from services.engine.model import Model, WeightFile

__all__ = ["FetchError", "ModelRow", "ModelService", "UnknownModel"]


class UnknownModel(Exception):
    """There is no model of that name; the message lists the names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """A model of the catalogue, and whether its files and the package it needs (as pip names it) are here.

    `size` is that of the files in bytes, None if it is not known of each; `commercial_use` as in its licence.
    """

    name: str
    task: str
    files: tuple[str, ...]
    size: int | None
    commercial_use: str
    installed: bool
    package: str | None


def is_installed(model: Model, weights: Weights) -> bool:
    """Whether the files of `model` and the package it needs are here."""
    importable = model.module is None or importlib.util.find_spec(model.module) is not None
    return importable and not weights.missing(model)


def size_of(file: WeightFile, weights: Weights) -> int | None:
    """The bytes of the file that is here, else of the published one; None if nobody has published that."""
    here = weights.size(file)
    return file.size if here is None else here


def total_size(models: Iterable[Model], weights: Weights) -> int | None:
    """The bytes of all files of these models, as `size_of` has them."""
    sizes = [size_of(file, weights) for model in models for file in weights.files(model)]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


class ModelService:
    """Lists the catalogue and fetches weights; nothing else downloads."""

    def __init__(self, *, weights: Weights) -> None:
        self._weights = weights

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
            package=model.package,
        )

    def fetch(self, names: Iterable[str], progress: Callable[[str], Progress]) -> Iterator[str]:
        """Fetch the missing files of the models called `names`, and give the name of each file once it is here.

        Raises:
            UnknownModel: before anything is fetched.
            FetchError, OSError: as `Weights.fetch`.
        """
        try:
            models = [catalogue.find(name) for name in names]
        except KeyError as error:
            raise UnknownModel(f"There is no model {error}; one of {', '.join(catalogue.MODELS)}") from None
        for model in models:
            for file in self._weights.missing(model):
                self._weights.fetch(file, progress(file.name))
                yield file.name
