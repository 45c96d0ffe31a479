"""Image URLs of servers that take their time, against the queue that all requests share."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from services.access.fetches import FetchService
from tests.api.test_overload import until
from tests.conftest import assert_error
from tests.pictures import ALICE, photo

SLOW = "URLs: slow servers that hold all fetches, places and lanes"
IMAGE = {"data": photo(ALICE), "content_type": "image/png"}
CALLERS = 10
ATTEMPTS = 7  # of each

_send = requests.Session.send


@pytest.fixture(autouse=True)
def _service_reads_its_own_answers(_no_answer_tells, monkeypatch):
    """What the service fetches is read by itself, as it comes."""
    monkeypatch.setattr(requests.Session, "send", _send)


@contextmanager
def slow_server():
    """A server that answers nobody until it is let; yields its URL, the list of who waits, and the event."""
    waiting, go = [], threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self):
            waiting.append(self.path)
            go.wait(30)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(photo(ALICE))

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", waiting, go
        go.set()
        server.shutdown()


def attacked(make_app, most_waiting):
    """The statuses of slow URLs, those of uploads meanwhile, and those of the URLs that were held."""
    with slow_server() as (host, waiting, go), ThreadPoolExecutor(CALLERS * ATTEMPTS) as pool:
        app = make_app(inference_lanes=2, queue_max=8, url_fetches=2, url_private_hosts=(host,))

        def ask(number):
            address = {"REMOTE_ADDR": f"198.51.100.{number % CALLERS}"}
            body = {"img": f"http://{host}/{number}.png"}
            return app.test_client().post("/extract", json=body, environ_base=address)

        asked = [pool.submit(ask, number) for number in range(CALLERS * ATTEMPTS)]
        until(
            lambda: len(waiting) == most_waiting and sum(answer.done() for answer in asked) == len(asked) - most_waiting
        )
        uploads = [app.test_client().post("/extract", **IMAGE) for _ in range(3)]
        go.set()
        return [answer.result() for answer in asked], uploads


def test_slow_urls_hold_no_place_of_the_queue(make_app, attack):
    asked, uploads = attacked(make_app, 8)  # four callers' worth
    breaches = [f"an upload was answered {answer.status_code}" for answer in uploads if answer.status_code != 200]
    codes = sorted(answer.get_json().get("error_code", "read") for answer in asked)
    # Callers that already fetch for 2 requests are told so, the others that the server has enough to do.
    if codes.count("read") != 8 or not set(codes) <= {"read", "rate_limited", "overloaded"}:
        breaches.append(f"answered {codes}")
    refused = [answer for answer in asked if answer.status_code != 200]
    breaches += ["no Retry-After" for answer in refused if answer.headers.get("Retry-After") != "1"]
    attack(SLOW, len(asked), breaches)


def test_fetched_in_their_places_they_hold_all(make_app, monkeypatch, attack):
    monkeypatch.setattr(FetchService, "fetched", lambda self, request, **_: request)
    _, uploads = attacked(make_app, 10)
    breaches = [f"an upload was answered {answer.status_code}" for answer in uploads if answer.status_code != 200]
    attack(SLOW, 0, breaches, twin=True, noticing=["an upload was answered 503"])


def test_a_caller_may_fetch_again_when_its_fetches_are_over(make_app):
    with slow_server() as (host, waiting, go), ThreadPoolExecutor(2) as pool:
        app = make_app(url_fetches=1, url_private_hosts=(host,))
        body = {"img1": f"http://{host}/1.png", "img2": f"http://{host}/2.png"}
        first = pool.submit(lambda: app.test_client().post("/verify", json=body))
        until(lambda: waiting)
        url = {"img": body["img1"]}
        for path, fields in (("/represent", url), ("/verify", body), ("/register", url | {"name": "x"})):
            refused = app.test_client().post(path, json=fields)
            assert_error(refused, 429, "rate_limited")
            assert refused.headers["Retry-After"] == "1"
        go.set()
        assert first.result().get_json()["verified"] is True
        assert app.test_client().post("/verify", json=body).status_code == 200


@pytest.mark.parametrize("failing", ["http://127.0.0.1:1/a.png", "http://10.0.0.1/a.png"])
def test_a_url_that_fails_frees_its_place_and_names_its_field(make_app, failing):
    app = make_app(url_fetches=1, url_private_hosts=("127.0.0.1:1",))
    for _ in range(3):
        response = app.test_client().post("/verify", json={"img1": failing, "img2": failing})
        assert response.get_json()["error_code"] in ("image_decode_error", "image_source_forbidden")
        assert response.get_json()["details"]["fields"][0]["field"] == "img1"
    fields = {"frames": [f"http://10.0.0.{number}/" for number in range(2)], "name": "x"}
    assert_error(app.test_client().post("/register", json=fields), 403, "image_source_forbidden", "frames[0]")
