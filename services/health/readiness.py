"""Loads and tests the models of PRELOAD_MODELS in the background, and tells whether face requests can be answered."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from core.exceptions import ModelLoading, ModelUnavailable, ServiceError, ServiceUnavailable, StorageFull
from core.metrics.definitions import MODEL_READY
from core.timeouts import check_deadline, remaining_s
from core.workers import Workers
from schemas.service import ReadyPart
from services.deepface.interface import Engine
from services.health.self_test import SelfTest, SelfTestResult

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 2

_STORE = "store"
_PHOTOS = "photos"
_WORKERS = "workers"

_LOOK_S = 0.2  # how soon a waiting request notices that its client has gone

# Checking for a missing file is cheap, so it has no delay. Loading half a gigabyte of damaged weights is not. A changed
# answer is tested again too, because it may have been accepted meanwhile.
_RETRY_S = 60


# Runs before a model is loaded. Takes the model's name and a function that shows a progress message for it.
Prepare = Callable[[str, Callable[[str], None]], None]


def _nothing(_: str, __: Callable[[str], None]) -> None:
    pass


class ReadinessService:
    """Tracks each part the service needs: loading, ready, or unavailable with the reason."""

    def __init__(
        self,
        *,
        engine: Engine,
        self_test: SelfTest,
        models: Sequence[str],
        ping_store: Callable[[], None],
        photo_folder_problem: Callable[[], str] = lambda: "",
        prepare: Prepare = _nothing,
    ) -> None:
        self._engine = engine
        self._self_test = self_test
        self._prepare = prepare
        self._ping_store = ping_store
        self._photo_folder_problem = photo_folder_problem
        self._parts = {name: ReadyPart(name=name, state="loading") for name in models}
        for name in models:
            MODEL_READY.labels(name).set(0)
        self._store = ReadyPart(name=_STORE, state="ready")  # as it was last
        self._retry_at: dict[str, float] = {}  # on the clock time.monotonic()
        self._workers = Workers(1)
        self._slot = self._workers.begin()
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None

    def join(self, workers: Workers, slot: int | None) -> None:
        """Become one of several workers, in this slot. Call it before `start`."""
        self._workers, self._slot = workers, slot

    def start(self) -> None:
        """Start to load the parts that are not ready, in the background, unless already started. Returns at once."""
        with self._lock:
            now = time.monotonic()
            todo = [n for n, part in self._parts.items() if part.state != "ready" and self._retry_at.get(n, 0) <= now]
            if todo and (self._worker is None or not self._worker.is_alive()):
                self._worker = threading.Thread(target=self._load, args=(todo,), name="preload", daemon=True)
                self._worker.start()

    def wait(self, timeout_s: float) -> bool:
        """Wait at most `timeout_s` seconds for the work of `start`, and return whether it has ended."""
        worker = self._worker
        if worker is not None:
            worker.join(timeout_s)
        return worker is None or not worker.is_alive()

    def _load(self, names: list[str]) -> None:
        for name in names:
            try:
                self._prepare(name, partial(self._say, name))
                self._engine.load(name)
                part = _part(self._self_test.run(name))
                if part.state != "ready":
                    self._retry_at[name] = time.monotonic() + _RETRY_S
            except ServiceError as error:
                part = ReadyPart(name=name, state="unavailable", message=error.message)
                if "missing_files" not in error.details:
                    self._retry_at[name] = time.monotonic() + _RETRY_S
            except Exception:  # if the thread died silently, the part would stay loading forever
                logger.exception("preloading failed")
                part = ReadyPart(name=name, state="unavailable", message="The model failed to load. See the log.")
                self._retry_at[name] = time.monotonic() + _RETRY_S
            before, self._parts[name] = self._parts[name], part
            MODEL_READY.labels(name).set(part.state == "ready")
            if all(part.state == "ready" for part in self._parts.values()):
                self._workers.set_ready(self._slot)
            if (part.state, part.message) != (before.state, before.message):
                logger.info("preload", extra={"part": name, "state": part.state, "reason": part.message})

    def _say(self, name: str, message: str) -> None:
        self._parts[name] = ReadyPart(name=name, state="loading", message=message)

    def is_ready(self, name: str) -> bool:
        """Return whether this model was preloaded and has passed its self-test."""
        part = self._parts.get(name)
        return part is not None and part.state == "ready"

    def require_loaded(self) -> None:
        """Return if loading has ended, with or without success: the engine reports a missing model to its request.

        Returns also while this worker replaces another, after all workers have been ready: then `wait_until_loaded`.

        Raises:
            ModelLoading: loading has not ended.
        """
        if self._is_loading():
            self.start()  # a WSGI server without our gunicorn hook has not called it
            if not self._workers.have_all_been_ready():
                raise ModelLoading(retry_after_s=RETRY_AFTER_S)

    def wait_until_loaded(self) -> None:
        """Wait until loading has ended, within the deadline of the request.

        Raises:
            DeadlineExceeded: it has not ended in time, or the client has gone.
        """
        while self._is_loading():
            check_deadline()
            left_s = remaining_s()
            self.wait(_LOOK_S if left_s is None else min(_LOOK_S, left_s))

    def _is_loading(self) -> bool:
        return any(part.state == "loading" for part in self._parts.values())

    def require_ready(self) -> list[ReadyPart]:
        """Return all parts if none is loading or unavailable. Retries the unavailable parts in the background.

        The photo folder is a part only while it has a problem, with the state `warning`. The other workers are a part
        until all have been ready. After that, this worker may still be loading if it replaces another.

        Raises:
            ModelLoading, ModelUnavailable, ServiceUnavailable: a part is not ready. The details list every part.
        """
        self.start()
        all_ready = self._workers.have_all_been_ready()
        others = [] if all_ready else self._workers_part()
        parts = [*self._parts.values(), *others, *self._photos_part(), self._store_part()]
        details = {"parts": [part.model_dump() for part in parts]}
        if not all_ready and any(part.state == "loading" for part in self._parts.values()):
            raise ModelLoading(details=details, retry_after_s=RETRY_AFTER_S)
        unavailable = [part for part in parts if part.state == "unavailable"]
        for part in unavailable:
            if part.name == _STORE:
                raise ServiceUnavailable(part.message, details=details)
        if unavailable:
            raise ModelUnavailable(" ".join(part.message for part in unavailable), details=details)
        if not all_ready:
            raise ModelLoading(details=details, retry_after_s=RETRY_AFTER_S)
        return parts

    def sharing(self) -> list[str]:
        """Return the models that share their first layers, which run once for all of them."""
        return self._engine.sharing()

    def _workers_part(self) -> list[ReadyPart]:
        ready, count = self._workers.ready_and_all()
        message = f"{ready} of {count} workers are ready."
        return [ReadyPart(name=_WORKERS, state="loading", message=message)] if count > 1 else []

    def _photos_part(self) -> list[ReadyPart]:
        problem = self._photo_folder_problem()
        return [ReadyPart(name=_PHOTOS, state="warning", message=problem)] if problem else []

    def _store_part(self) -> ReadyPart:
        before, self._store = self._store, self._pinged()
        if self._store.message != before.message:
            log = logger.warning if self._store.message else logger.info
            log("store", extra={"part": _STORE, "state": self._store.state, "reason": self._store.message})
        return self._store

    def _pinged(self) -> ReadyPart:
        try:
            self._ping_store()
        except OSError as error:
            return ReadyPart(name=_STORE, state="unavailable", message=f"DATA_PATH is not writable: {error.strerror}.")
        except (ServiceUnavailable, StorageFull) as error:
            return ReadyPart(name=_STORE, state="unavailable", message=error.message)
        return ReadyPart(name=_STORE, state="ready")


def _part(result: SelfTestResult) -> ReadyPart:
    return ReadyPart(
        name=result.model,
        state="ready" if result.passed else "unavailable",
        message=result.message,
        self_test=result.outcome,
        milliseconds=result.milliseconds,
    )
