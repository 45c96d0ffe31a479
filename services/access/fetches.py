"""Fetches the image URLs of requests before they wait for a lane, a few at once for each caller."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from core.exceptions import Overloaded, RateLimited
from core.images.decoding import ImagePolicy
from core.images.sources import fetched, is_url
from schemas.common import Request

R = TypeVar("R", bound=Request)

RETRY_AFTER_S = 1


class FetchService:
    """Fetches for at most `per_caller` requests of a caller at once, and for `in_all` of all callers."""

    def __init__(self, *, policy: ImagePolicy, per_caller: int, in_all: int) -> None:
        self._policy = policy
        self._per_caller = per_caller
        self._in_all = in_all
        self._fetching = Counter[str]()
        self._lock = threading.Lock()

    def fetched(self, request: R, *, caller: str, hold: Callable[[int], None]) -> R:
        """Return the request with the content of its image URLs. A URL that cannot be read fails where it is used.

        `hold` is called with the bytes of each content, which the request holds from then on.

        Raises:
            RateLimited: the caller already fetches for `per_caller` requests.
            Overloaded: `in_all` requests are being fetched for; or raised by `hold`.
        """
        urls = {name: value for name in request.image_fields() if _has_url(value := getattr(request, name, None))}
        if not urls or not self._policy.allow_urls:
            return request
        with self._place(caller):
            return request.model_copy(update={name: self._read(value, hold) for name, value in urls.items()})

    def _read(self, value: object, hold: Callable[[int], None]) -> object:
        if isinstance(value, list):
            return [self._read(each, hold) for each in value]
        if not isinstance(value, str) or not is_url(value):
            return value
        url = fetched(value, self._policy)
        if isinstance(url.outcome, bytes):
            hold(len(url.outcome))
        return url

    @contextmanager
    def _place(self, caller: str) -> Iterator[None]:
        with self._lock:
            if self._fetching[caller] >= self._per_caller:
                raise RateLimited("Too many image URLs are being fetched. Retry later.", retry_after_s=RETRY_AFTER_S)
            if self._fetching.total() >= self._in_all:
                raise Overloaded(retry_after_s=RETRY_AFTER_S)
            self._fetching[caller] += 1
        try:
            yield
        finally:
            with self._lock:
                self._fetching -= Counter([caller])  # drops callers that are down to none


def _has_url(value: object) -> bool:
    if isinstance(value, list):
        return any(map(_has_url, value))
    return isinstance(value, str) and is_url(value)
