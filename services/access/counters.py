"""Where the rate limits count, for the library that limits."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from limits.storage import MemoryStorage, Storage
from typing_extensions import override

logger = logging.getLogger(__name__)

T = TypeVar("T")

_AWAY_S = 10.0  # for how long a storage that failed is not asked


@dataclass(frozen=True, slots=True, kw_only=True)
class HitStorage:
    """A storage as the library names it, and what it is made with."""

    uri: str = "memory://"
    options: Mapping[str, Any] = field(default_factory=dict)


class SteadyStorage(Storage):
    """Counts in `shared`, which all processes have; while that is away, in this process's memory. It never fails."""

    STORAGE_SCHEME = ["steady"]

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, *, shared: Storage) -> None:
        super().__init__(uri, wrap_exceptions)
        self._shared = shared
        self._memory = MemoryStorage()
        self._is_away = False
        self._ask_at = 0.0  # of time.monotonic()

    @property
    @override
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        return self._shared.base_exceptions

    @override
    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return self._asked(lambda storage: storage.incr(key, expiry, amount))

    @override
    def get(self, key: str) -> int:
        return self._asked(lambda storage: storage.get(key))

    @override
    def get_expiry(self, key: str) -> float:
        return self._asked(lambda storage: storage.get_expiry(key))

    @override
    def check(self) -> bool:
        return True

    @override
    def reset(self) -> int | None:
        self._memory.reset()
        return self._asked(lambda storage: storage.reset())

    @override
    def clear(self, key: str) -> None:
        self._memory.clear(key)
        self._asked(lambda storage: storage.clear(key))

    def _asked(self, question: Callable[[Storage], T]) -> T:
        if time.monotonic() < self._ask_at:
            return question(self._memory)
        if self._is_away:
            self._ask_at = time.monotonic() + _AWAY_S  # one asks whether it is back, and the rest need not wait
        try:
            answer = question(self._shared)
        except self._shared.base_exceptions as error:
            logger.warning("each process counts for itself", extra={"reason": type(error).__name__})
            self._is_away, self._ask_at = True, time.monotonic() + _AWAY_S
            return question(self._memory)
        self._is_away, self._ask_at = False, 0.0
        return answer
