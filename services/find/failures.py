"""Tells the log about photos that are not in an index, once for each."""

import logging
import threading

logger = logging.getLogger(__name__)

_MAX_TOLD = 100_000  # limits the memory; afterwards photos are logged again


class FailureLog:
    """Logs each photo once per reason. Safe to call from several threads."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}
        self._lock = threading.Lock()

    def tell(self, name: str, reason: str, cause: str = "") -> None:
        """Log a photo, unless it has been logged for this reason. `cause` is the name of an exception."""
        with self._lock:
            if self._told.get(name) == reason:
                return
            if len(self._told) >= _MAX_TOLD:
                self._told.clear()
            self._told[name] = reason
        logger.warning("photo not indexed", extra={"photo": name, "reason": reason, "cause": cause})
