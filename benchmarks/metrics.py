"""What the metrics cost: `/verify` with them and without, on the same images, in turn.

The time of the processor tells more than the time on the clock, which whatever else the machine does changes by more.
"""

import tempfile
from pathlib import Path

import psutil
import requests

from benchmarks.load import Work, data_uri, post
from benchmarks.overhead import pictures
from benchmarks.servers import machine, ours
from benchmarks.timing import in_turn

REPETITIONS = 200
UNCOUNTED = 10
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
        ours(Path(home), API_KEYS=KEY) as (url, worker, _),
        ours(Path(home), app="benchmarks.unmeasured:app", API_KEYS=KEY) as (other_url, other_worker, _),
    ):
        ways = {
            "with metrics": lambda: post(url, work, session),
            "without": lambda: post(other_url, work, session),
        }
        in_turn(ways, UNCOUNTED)
        before = processor_ms(worker), processor_ms(other_worker)
        took = in_turn(ways, REPETITIONS, uncounted=0)
        spent = [
            (processor_ms(one) - start) / REPETITIONS for one, start in zip((worker, other_worker), before, strict=True)
        ]
        scrape = in_turn({"scrape": lambda: session.get(f"{url}/metrics").raise_for_status()}, SCRAPES)["scrape"]
    print(machine())
    print(
        f"/verify, Dlib and opencv, one client, {REPETITIONS} requests taken in turn; the aim is a ratio of {MAX_RATIO}"
    )
    print("                 median      processor")
    for (name, milliseconds), processor in zip(took.items(), spent, strict=True):
        print(f"{name:14} {milliseconds:8.2f} ms {processor:8.2f} ms")
    print(f"ratio          {took['with metrics'] / took['without']:8.4f}    {spent[0] / spent[1]:8.4f}")
    print(f"GET /metrics   {scrape:8.2f} ms")


def processor_ms(process_id: int) -> float:
    """Milliseconds of the processor that a process has spent so far."""
    spent = psutil.Process(process_id).cpu_times()
    return float(spent.user + spent.system) * 1000
