"""What the metrics cost: `/verify` with them and without, on the same images, in turn."""

import tempfile
from pathlib import Path

import requests

from benchmarks.load import Work, data_uri, post
from benchmarks.overhead import pictures
from benchmarks.servers import machine, ours
from benchmarks.timing import in_turn

REPETITIONS = 300
SCRAPES = 20
MAX_RATIO = 1.02
KEY = "a-key-so-that-answers-have-their-stages"


def main() -> None:
    """Print the median milliseconds of both and their ratio."""
    first, second = map(data_uri, pictures())
    work: Work = ("verify", {"img1": first, "img2": second, "detector_backend": "opencv"})
    session = requests.Session()
    session.headers["X-API-Key"] = KEY
    with (
        tempfile.TemporaryDirectory() as home,
        ours(Path(home), API_KEYS=KEY) as (url, *_),
        ours(Path(home), app="benchmarks.unmeasured:app", API_KEYS=KEY) as (other_url, *_),
    ):
        ways = {
            "with metrics": lambda: post(url, work, session),
            "without": lambda: post(other_url, work, session),
        }
        took = in_turn(ways, REPETITIONS, uncounted=10)
        scrape = in_turn({"scrape": lambda: session.get(f"{url}/metrics").raise_for_status()}, SCRAPES)["scrape"]
    ratio = took["with metrics"] / took["without"]
    print(machine())
    print(f"/verify, Dlib and opencv, one client, medians of {REPETITIONS} taken in turn")
    for name, milliseconds in took.items():
        print(f"{name:14} {milliseconds:8.2f} ms")
    print(f"ratio          {ratio:8.4f}     the aim is at most {MAX_RATIO}")
    print(f"GET /metrics   {scrape:8.2f} ms")
