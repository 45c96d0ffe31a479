"""Fetches at the start what is to be preloaded and is not here (AUTO_FETCH)."""

import logging
from collections.abc import Callable, Iterable
from functools import partial

from services.models.manager import FetchError, ModelService, UnreadableLock

logger = logging.getLogger(__name__)

_MEGABYTE = 1_000_000


class AutoFetch:
    """Fetches the files of each of the models called `names` once, in whichever thread first asks."""

    def __init__(self, *, models: ModelService, names: Iterable[str]) -> None:
        self._models = models
        self._waiting = set(names)

    def prepare(self, name: str, say: Callable[[str], None]) -> None:
        """Fetch what the model misses, and `say` how far that is; a failure is logged, and loading says the rest."""
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
