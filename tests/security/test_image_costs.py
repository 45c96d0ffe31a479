"""Files that cost processor seconds, each decoded in this process."""

import time
from contextlib import suppress

import pytest

from core.exceptions import ImageError
from core.images import decoding
from core.images.decoding import ImagePolicy
from tests.security.costs import ARITHMETIC, ORDINARY, REFINING, SHARED_VALUE, costly

COSTS = "images: files that cost a decoder processor seconds"

# Times the processor seconds of a photo of as many pixels with the most scans that are always read, measured beside it.
# The most that is let through, 40 scans, took 1.8 times as long; the files of the twin 5 to 8 times.
MOST_COST = 3
POLICY = ImagePolicy(max_bytes=10_485_760, max_pixels=50_000_000)


def breaches(files, *, again=True):
    """What the (description, content) `files` cost that is more than they may."""
    ordinary_s = seconds(ORDINARY)
    found = []
    for description, content in files:
        cost = seconds(content) / ordinary_s
        if cost > MOST_COST and again:  # the machine may have been busy
            cost = min(cost, seconds(content) / seconds(ORDINARY))
        if cost > MOST_COST:
            found.append(f"{description}: {cost:.1f} times a photo")
    return found


def seconds(content):
    """What the processor took for this thread."""
    started = time.thread_time()
    with suppress(ImageError):
        decoding.decode(content, POLICY)
    return time.thread_time() - started


def test_no_file_costs_more_than_a_large_photo(attack):
    files = list(costly())
    attack(COSTS, len(files), breaches(files))


@pytest.mark.parametrize(
    ("description", "content"),
    [("arithmetic", ARITHMETIC), ("refinement", REFINING), ("shared value", SHARED_VALUE)],
    ids=["arithmetic", "refinement", "shared value"],
)
def test_without_the_checks_they_cost_seconds(description, content, monkeypatch, attack):
    monkeypatch.setattr(decoding, "header_size", lambda *_: (64, 64))
    monkeypatch.setattr(decoding, "is_decompression_bomb", lambda *_: False)
    attack(COSTS, 1, breaches([(description, content)], again=False), twin=True, noticing=["times a photo"])
