"""Times the stages of a request once, for the metrics, for the header Server-Timing and for traces."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, Token
from typing import Any, Literal, get_args

from typing_extensions import override

from core.exceptions import ServiceUnavailable, StorageFull
from core.metrics.definitions import FACES, QUEUE_LENGTH, QUEUE_WAIT, STAGE_DURATION, STORE_DURATION, STORE_ERRORS
from core.tracing import span

StageName = Literal["fetch", "decode", "detect", "align", "embed", "analyze", "liveness", "search", "store"]
STAGES: tuple[StageName, ...] = get_args(StageName)


class _Request:
    """The stages of one request that have ended, each with its seconds; its two images may be read by two threads."""

    def __init__(self, operation: str) -> None:
        self.operation = operation
        self.ended: list[tuple[StageName, float]] = []


_request: ContextVar[_Request | None] = ContextVar("timed_request", default=None)
_open: ContextVar["_Stage | None"] = ContextVar("open_stage", default=None)


def begin_stages(operation: str) -> Token[_Request | None]:
    """Time the stages of this context for a request. Pass the returned token to `end_stages`."""
    return _request.set(_Request(operation))


def end_stages(token: Token[_Request | None]) -> None:
    """Undo `begin_stages`."""
    _request.reset(token)


def server_timing() -> str:
    """Return the value of the header Server-Timing: milliseconds of each stage of the current request so far."""
    request = _request.get()
    seconds: defaultdict[str, float] = defaultdict(float)
    for name, own_s in () if request is None else request.ended:
        seconds[name] += own_s
    return ", ".join(f"{name};dur={1000 * seconds[name]:.1f}" for name in STAGES if name in seconds)


def stage(name: StageName, model: str = "") -> AbstractContextManager[object]:
    """Time the block as this stage of the current request; outside requests it is not timed.

    The time of a stage inside the block counts as that stage's only. `model` is a name of the catalogue.
    """
    request = _request.get()
    return nullcontext() if request is None else _Stage(request, name, model)


class _Stage(AbstractContextManager[None]):
    def __init__(self, request: _Request, name: StageName, model: str) -> None:
        self._request = request
        self._name = name
        self._model = model
        self._inner_s = 0.0

    @override
    def __enter__(self) -> None:
        self._span = span(self._name, model=self._model)
        self._span.__enter__()
        self._outer = _open.get()
        self._token = _open.set(self)
        self._started = time.perf_counter()

    @override
    def __exit__(self, *error: Any) -> None:
        elapsed_s = time.perf_counter() - self._started
        _open.reset(self._token)
        if self._outer is not None:
            self._outer._inner_s += elapsed_s
        own_s = elapsed_s - self._inner_s
        STAGE_DURATION.labels(self._name, self._model).observe(own_s)
        self._request.ended.append((self._name, own_s))
        self._span.__exit__(*error)


@contextmanager
def transaction(operation: Literal["read", "write"]) -> Iterator[None]:
    """Time the block as a transaction of the database, and count it if the database fails.

    In a request it is the stage `store`, unless it is part of another stage, such as `search`.
    """
    started = time.perf_counter()
    try:
        with nullcontext() if _open.get() else stage("store"):
            yield
    except (ServiceUnavailable, StorageFull) as error:
        STORE_ERRORS.labels(error.code).inc()
        raise
    finally:
        STORE_DURATION.labels(operation).observe(time.perf_counter() - started)


@contextmanager
def lane_wait() -> Iterator[None]:
    """Time the block, in which an image of the current request waits for a lane. Index builds are not timed."""
    if _request.get() is None:
        yield
        return
    started = time.perf_counter()
    QUEUE_LENGTH.inc()
    try:
        yield
    finally:
        QUEUE_LENGTH.dec()
        QUEUE_WAIT.observe(time.perf_counter() - started)


def count_faces(count: int) -> None:
    """Count the faces of an image for the operation of the current request."""
    request = _request.get()
    if request is not None:
        FACES.labels(request.operation).inc(count)
