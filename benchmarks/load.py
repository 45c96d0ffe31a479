"""Requests to a server: one, one from each of its workers, or many at once."""

import base64
import statistics
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from typing import Any

import requests

Body = dict[str, Any]
Work = tuple[str, Body]  # a route and what is sent there

_AT_ONCE = 4  # more than there are workers, so that each has to take some


def data_uri(jpeg: bytes) -> str:
    """The one form of base64 that DeepFace takes too."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def post(url: str, work: Work, session: requests.Session | None = None) -> Any:
    """What the server answers; fails loudly, since a fast error is no speed."""
    route, body = work
    response = (session or requests).post(f"{url}/{route}", json=body)
    assert response.ok, response.text
    return response.json()


def warm_up(url: str, mix: Iterable[Work]) -> None:
    """Let every worker load what this work needs."""
    for work in mix:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(post, [url] * _AT_ONCE, [work] * _AT_ONCE))


def load(url: str, mix: Sequence[Work], *, clients: int, count: int) -> tuple[float, float]:
    """Requests per second of `count` sent by so many clients, and the 95th percentile of their milliseconds."""

    def one(work: Work) -> float:
        started = time.perf_counter()
        post(url, work)
        return (time.perf_counter() - started) * 1000

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        took = list(pool.map(one, islice(cycle(mix), count)))
    return count / (time.perf_counter() - started), statistics.quantiles(took, n=20)[-1]
