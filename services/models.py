"""The use-case of managing the models on this machine: which are here, and fetching the rest."""

import importlib.util
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from services.engine import catalogue
from services.engine.base import FetchError, Progress, Weights

__all__ = ["FetchError", "ModelRow", "ModelService", "UnknownModel"]


class UnknownModel(Exception):
    """There is no model of that name; the message lists the names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """A model of the catalogue, and whether its files and the package it needs (as pip names it) are here."""

    name: str
    task: str
    files: tuple[str, ...]
    installed: bool
    package: str | None


def _importable(module: str | None) -> bool:
    return module is None or importlib.util.find_spec(module) is not None


class ModelService:
    """Lists the catalogue and fetches weights; nothing else downloads."""

    def __init__(self, *, weights: Weights) -> None:
        self._weights = weights

    def rows(self) -> list[ModelRow]:
        """Every model of the catalogue."""
        return [
            ModelRow(
                name=model.name,
                task=model.task,
                files=tuple(file.name for file in self._weights.files(model)),
                installed=not self._weights.missing(model) and _importable(model.module),
                package=model.package,
            )
            for model in catalogue.MODELS.values()
        ]

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
