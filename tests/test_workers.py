"""Several workers give one answer: whether the service is ready does not depend on who is asked."""

import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.pictures import ALICE, photo
from tests.serving import served, wait_for

ASKED = 60  # so that each of two workers is asked, but for a chance of 2 in 10^18
PATIENCE_S = 30


@pytest.fixture
def serve(tmp_path):
    def serve(**settings):
        return served(
            tmp_path, app="tests.gated:gated()", GATES=str(tmp_path), WORKERS="2", LOG_LEVEL="info", **settings
        )

    return serve


def asked(url, times=ASKED):
    """The answers of `/ready`, each on a connection of its own."""
    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(lambda _: requests.get(f"{url}/ready", timeout=30), range(times)))


def said(answers):
    return Counter((answer.status_code, answer.json().get("error_code")) for answer in answers)


def until(is_so):
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def extract(url, times):
    with ThreadPoolExecutor(times) as threads:
        sent = [
            threads.submit(requests.post, f"{url}/extract", files={"img": photo(ALICE)}, timeout=60)
            for _ in range(times)
        ]
        return said([one.result() for one in sent])


def kill(folder, number):
    os.kill(int((folder / f"began-{number}").read_text()), signal.SIGKILL)
    until((folder / "began-3").exists)


def test_the_service_is_ready_when_all_workers_have_been_and_stays_so(serve, tmp_path):
    with serve(REQUEST_TIMEOUT_S="20") as (url, _, process):
        wait_for(f"{url}/health", alive=process)
        until((tmp_path / "began-2").exists)
        assert said(asked(url)) == {(503, "model_loading"): ASKED}
        (tmp_path / "ready-1").touch()
        until(lambda: any("1 of 2 workers are ready." in answer.text for answer in asked(url, 8)))
        assert said(asked(url)) == {(503, "model_loading"): ASKED}
        (tmp_path / "ready-2").touch()
        wait_for(f"{url}/ready")
        assert said(asked(url)) == {(200, None): ASKED}

        kill(tmp_path, 2)
        until(lambda: any('"loading"' in answer.text for answer in asked(url, 8)))
        assert said(asked(url)) == {(200, None): ASKED}
        with ThreadPoolExecutor(1) as thread:
            answers = thread.submit(extract, url, 30)
            time.sleep(1)
            assert requests.get(f"{url}/health", timeout=5).status_code == 200
            (tmp_path / "ready-3").touch()
            assert answers.result() == {(200, None): 30}


def test_a_worker_that_is_killed_before_it_was_ready_is_waited_for_all_the_same(serve, tmp_path):
    with serve() as (url, _, process):
        wait_for(f"{url}/health", alive=process)
        until((tmp_path / "began-2").exists)
        (tmp_path / "ready-1").touch()
        until(lambda: any("1 of 2 workers are ready." in answer.text for answer in asked(url, 8)))
        kill(tmp_path, 1)  # the only one that was ready
        (tmp_path / "ready-2").touch()
        until(lambda: any("1 of 2 workers are ready." in answer.text for answer in asked(url, 8)))
        assert said(asked(url)) == {(503, "model_loading"): ASKED}
        (tmp_path / "ready-3").touch()
        wait_for(f"{url}/ready")
        assert said(asked(url)) == {(200, None): ASKED}


def test_requests_wait_for_a_replaced_worker_no_longer_than_their_deadline_and_the_queue_allow(serve, tmp_path):
    for number in (1, 2):
        (tmp_path / f"ready-{number}").touch()
    with serve(REQUEST_TIMEOUT_S="2", QUEUE_MAX="3", INFERENCE_LANES="1") as (url, _, process):
        wait_for(f"{url}/ready", alive=process)
        kill(tmp_path, 1)
        until(lambda: any('"loading"' in answer.text for answer in asked(url, 8)))
        answers = extract(url, 40)
        assert set(answers) <= {(200, None), (503, "deadline_exceeded"), (503, "overloaded")}
        assert 1 <= answers[503, "deadline_exceeded"] <= 4
