import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from core.exceptions import Overloaded
from core.images.decoding import ImagePolicy
from core.images.private_hosts import parse_private_host
from core.images.url_rules import UrlRules
from schemas.faces import ExtractRequest, VerifyRequest
from services.access.admission import BodyBudget
from services.access.fetches import FetchService

CONTENT = b"\xff\xd8\xff" + b"0" * 1000


@contextmanager
def image_server():
    class Images(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(CONTENT)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Images) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def fetches():
    with image_server() as host:
        rules = UrlRules(private_hosts=(parse_private_host(host),))
        policy = ImagePolicy(max_bytes=10_000, max_pixels=10_000, urls=rules)
        yield FetchService(policy=policy, per_caller=1, in_all=1), f"http://{host}/photo"


def test_what_is_fetched_counts_among_the_bytes_that_a_request_holds(fetches):
    service, url = fetches
    held = []
    service.fetched(VerifyRequest(img1=url, img2=url), caller="", hold=held.append)
    assert held == [len(CONTENT), len(CONTENT)]
    service.fetched(VerifyRequest(img1=url, img2="photo.jpg"), caller="", hold=held.append)
    assert len(held) == 3


def test_a_fetched_image_that_finds_no_room_is_refused_and_its_place_is_free(fetches):
    service, url = fetches
    budget = BodyBudget(limit=3 * len(CONTENT))
    waiting = [budget.share() for _ in range(3)]
    for share in waiting:
        service.fetched(ExtractRequest(img=url), caller="", hold=share.add)
    with pytest.raises(Overloaded):
        service.fetched(ExtractRequest(img=url), caller="", hold=budget.share().add)
    waiting[0].release()
    service.fetched(ExtractRequest(img=url), caller="", hold=budget.share().add)
