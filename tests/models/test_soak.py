"""Memory and time do not creep: mixed requests to a real server, whose resident memory has to stay where it is.

SOAK_REQUESTS says how many, of which the first third is for warming up; `make soak` sends 20,000.
"""

import itertools
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import requests

from tests.models.graphs import write_graphs
from tests.models.mixed import EYELESS, pictures, prepare_home, works
from tests.serving import served, wait_for
from tests.test_server import text

REQUESTS = int(os.environ.get("SOAK_REQUESTS", "240"))
CLIENTS = 4
SAMPLES = 60

# Of the resident memory. Few requests are over before the allocator has reached its size, and that is up to 3 %;
# of them it is asked that they keep less than 70 kB each, less than half of one photo in float32.
MAX_GROWTH = 0.01 if REQUESTS >= 20_000 else 0.1


def resident_mb(worker):
    """What of the worker's memory is no page of a file, in megabytes."""
    lines = Path(f"/proc/{worker}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1000


def growth(values):
    """By what share of their mean the line through the values rises from the first to the last."""
    slope, _ = np.polyfit(np.arange(len(values)), values, 1)
    return slope * len(values) / statistics.mean(values)


def mix(folder):
    """Requests of every endpoint that reads images, and of the gallery."""
    for number, content in enumerate(pictures()[:2]):
        (folder / "photos" / str(number)).mkdir(parents=True)
        (folder / "photos" / str(number) / "1.jpg").write_bytes(content)
    detectors = [name for name in prepare_home(folder / "home") if name != EYELESS]
    write_graphs(folder / "home" / ".deepface" / "weights")
    img = text(pictures()[0])
    yield from works(detectors)
    for route in ("find", "identify", "quality"):
        yield route, {"img": img, "detector_backend": "opencv", "enforce_detection": False}


def test_a_line_that_rises_is_told_from_one_that_does_not():
    level = 100 + np.random.default_rng(0).normal(size=SAMPLES)
    assert growth(level) < 0.01 < growth(level + np.linspace(0, 3, SAMPLES))


def test_mixed_requests_leave_memory_and_time_where_they_are(tmp_path):
    requests_of_mix = list(mix(tmp_path))
    with served(tmp_path, MAX_IMAGE_BYTES="1000000", RECORD_VERIFICATIONS="false") as (url, _, process):
        wait_for(f"{url}/ready", alive=process)
        (worker,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        register = {"img": text(pictures()[0]), "name": "Ann", "detector_backend": "opencv"}
        assert requests.post(f"{url}/register", json=register, timeout=60).status_code == 201
        took, resident = [], []

        def ask(work):
            route, body = work
            started = time.perf_counter()
            response = requests.post(f"{url}/{route}", json=body, timeout=60)
            took.append(time.perf_counter() - started)
            assert response.status_code == 200, response.text

        warm, step = REQUESTS // 3, (REQUESTS - REQUESTS // 3) // SAMPLES
        asked = itertools.cycle(requests_of_mix)
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(ask, itertools.islice(asked, warm)))
            took.clear()
            for _ in range(SAMPLES):
                list(pool.map(ask, itertools.islice(asked, step)))
                resident.append(resident_mb(worker))
    thirds = [statistics.median(took[: len(took) // 3]), statistics.median(took[-len(took) // 3 :])]
    quarters = " ".join(f"{resident[place]:.1f}" for place in np.linspace(0, SAMPLES - 1, 5).astype(int))
    print(
        f"\n{REQUESTS} requests: {quarters} MB, growth {growth(resident):+.2%};"
        f" median of the first and the last third {thirds[0] * 1000:.0f} and {thirds[1] * 1000:.0f} ms"
    )
    assert growth(resident) < MAX_GROWTH
