"""Hiding a request in another's body: the real nginx with deploy/nginx.conf, the real gunicorn, and what each saw."""

import contextlib
import json
import re
import shutil
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import KEY
from tests.discretion import hear
from tests.security import naive_proxy
from tests.security.smuggling import attacks
from tests.serving import served, wait_for
from tests.test_nginx import fronted

NAME = "smuggling: requests hidden in others, through nginx to the service; seen = answered"
CLIENTS = 16
PATIENCE_S = 3  # then the proxy waits for more than was sent, and gets to know that there is no more
UPSTREAM = "tests.security.standins:observed()"
REFUSED_BY_GUNICORN = b"<h1><p>"  # in the page of its own errors


def exchanged(address, sent, source):
    """All that comes back until the other side closes."""
    received = b""
    with socket.create_connection(address, PATIENCE_S, source) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(sent)
        for _ in range(2):
            with contextlib.suppress(TimeoutError):
                while piece := connection.recv(65536):
                    received += piece
                break
            connection.shutdown(socket.SHUT_WR)
    hear("", received.decode("latin-1"))
    return received


def answers(received):
    """The (head, body) pairs in what came back; HTTP/0.9 has no head."""
    while received:
        if not received.startswith(b"HTTP/1."):
            yield b"", received
            return
        head, _, rest = received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        length = int(length[1]) if length else 0
        if not head.startswith((b"HTTP/1.1 1", b"HTTP/1.0 1")):  # 100 Continue
            yield head, rest[:length]
        received = rest[length:]


def id_of(head, body):
    """The id of an answer, if it is the service's own and not the proxy's."""
    if not head:
        return json.loads(body)["request_id"]
    if b"\r\nx-response-time-ms:" not in head.lower():
        return None
    return re.search(rb"(?i)\r\nx-request-id: *([\w.-]+)", head)[1].decode()


def address_of(number):
    """Of each attack an address of its own, so that nginx counts it by itself."""
    return f"127.{2 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}"


def attacked(address, log, count, clients=CLIENTS):
    """How often it was tried, and what the service saw that no answer was given to, or the other way round."""

    def one(number):
        source = address_of(number)
        found = list(answers(exchanged(address, b"".join(sent[number]), (source, 0))))
        pages = sum(REFUSED_BY_GUNICORN in body for _, body in found)
        return source, [known for head, body in found if (known := id_of(head, body))], pages

    sent = attacks(count)
    before = len(log.read_text().splitlines())
    with ThreadPoolExecutor(clients) as threads:
        results = list(threads.map(one, range(count)))
    answered = Counter((known, source) for source, ids, _ in results for known in ids)
    lines = [json.loads(line) for line in log.read_text().splitlines()[before:]]
    seen = Counter((line["request_id"], line["forwarded_for"]) for line in lines if line["message"] == "request")
    refused = sum(line["message"].startswith("Invalid request") for line in lines)
    breaches = [f"seen, and not answered there: {one}" for one in seen - answered]
    breaches += [f"answered, and not seen so: {one}" for one in answered - seen]
    if refused != sum(pages for _, _, pages in results):
        breaches.append(f"{refused} requests that gunicorn refused, {sum(pages for _, _, pages in results)} answers")
    return answered, breaches


@pytest.fixture
def upstream(tmp_path):
    with served(tmp_path, app=UPSTREAM, API_KEYS=KEY) as (url, log, process):
        wait_for(f"{url}/ready", alive=process)
        yield url.removeprefix("http://"), log


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
def test_the_service_sees_what_was_answered_and_nothing_else(upstream, tmp_path, attack, cases):
    address, log = upstream
    count = cases(200, 1500)
    with fronted(tmp_path, address) as url:
        host, port = url.removeprefix("http://").split(":")
        answered, breaches = attacked((host, int(port)), log, count)
    attack(NAME, count, breaches)
    # Most markers came through as requests of their own, and so did some attacks and what followed them.
    kinds = Counter(known.partition("-")[0] for known, _ in answered.elements())
    assert kinds["marker"] > count / 10
    assert min(kinds["attack"], kinds["smuggled"]) > count / 50, kinds


def test_a_proxy_that_hands_both_lengths_on_is_noticed(upstream, attack):
    address, log = upstream
    host, port = address.split(":")
    breaches = attacked(naive_proxy.start((host, int(port))), log, 30, clients=1)[1]
    attack(NAME, 0, [breach for breach in breaches if "smuggled" in breach], twin=True)
