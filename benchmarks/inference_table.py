"""A line of the table of `inference`, and the three servers that it compares."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.load import Work, post
from benchmarks.servers import deepfaces, ours

# The settings that an operator chooses for speed, the same in all rows.
OURS: dict[str, str] = {}

# Who is measured, and the width of its column.
ONE, TWO, US = WHO = ("DeepFace, 1 worker", "2 workers", "ours")
_WIDTHS = (20, 12, 12)
_WORK = 44

Measured = dict[str, float]


def print_head() -> None:
    """The head of the table."""
    columns = "".join(f"{name:>{width}}" for name, width in zip(WHO, _WIDTHS, strict=True))
    print(f"\n{'work':{_WORK}}{columns}   ratio  to 2    aim")


def print_line(work: str, measured: Measured, unit: str, *, aim: float | None = None, more: bool = False) -> None:
    """What was measured of whom, and how many times better ours is; `more` where more is better."""
    columns = "".join(
        f"{_number(measured[name], unit) if name in measured else '-':>{width}}"
        for name, width in zip(WHO, _WIDTHS, strict=True)
    )
    ratios = [measured[name] / measured[US] for name in (ONE, TWO) if name in measured]
    if more:
        ratios = [1 / ratio for ratio in ratios]
    compared = "".join(f"{ratio:8.2f}" for ratio in ratios)
    judged = f"{aim:g} x, {'met' if ratios[0] >= aim else 'missed'}" if aim is not None else ""
    print(f"{work:{_WORK}}{columns}{compared:16}    {judged}".rstrip(), flush=True)


def _number(value: float, unit: str) -> str:
    return f"{value:,.{0 if value >= 100 else 1}f} {unit}"


@contextmanager
def servers(home: Path, *models: str, runtime: str = "onnx") -> Iterator[dict[str, str]]:
    """The addresses of all three; ours has these models loaded, on this INFERENCE_RUNTIME."""
    with ExitStack() as stack:
        yield {
            ONE: stack.enter_context(deepfaces(home))[0],
            TWO: stack.enter_context(deepfaces(home, workers=2))[0],
            US: stack.enter_context(ours(home, INFERENCE_RUNTIME=runtime, **preloading(*models)))[0],
        }


def preloading(*models: str) -> dict[str, str]:
    """Our settings, with these models loaded from the start."""
    return OURS | {"PRELOAD_MODELS": ",".join(models)}


def asking(urls: dict[str, str], work: Work) -> dict[str, Callable[[], Any]]:
    """The same work of each server."""
    return {name: partial(post, url, work) for name, url in urls.items()}
