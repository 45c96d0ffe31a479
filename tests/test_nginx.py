"""The real nginx with deploy/nginx.conf in front of the real server: what it passes on, and whom it holds off."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from http.client import HTTPResponse

import pytest
import requests
import trustme
import yaml
from requests.adapters import HTTPAdapter

from api.middleware.browser_headers import SECURITY
from tests.conftest import PROJECT
from tests.serving import served, wait_for
from tests.test_server import ASTRONAUT

pytestmark = pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")

SLOW_CLIENTS = 200
SLOW_CLIENTS_S = float(os.environ.get("SLOW_CLIENTS_S", "30"))
ATTACKERS = [f"127.0.1.{number}" for number in range(1, 21)]  # each below the limit of connections


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def fronted(folder, upstream):
    """nginx with the shipped configuration, but for its port, its upstream and its folder for files."""
    port = free_port()
    text = (PROJECT / "deploy" / "nginx.conf").read_text()
    for old, new in (
        ("127.0.0.1:5000", upstream),
        ("listen 8080", f"listen 127.0.0.1:{port}"),
        ("/tmp/", f"{folder}/"),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "nginx.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""  # the folder is this user's
    command = ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr"]
    with (folder / "nginx.log").open("wb") as log:
        process = subprocess.Popen([*command, "-g", f"{user} pid {folder}/nginx.pid; daemon off;"], stderr=log)
    try:
        wait_for_port(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def wait_for_port(port):
    deadline = time.monotonic() + 10
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nginx")
    with served(folder, DEFAULT_DETECTOR="opencv") as (upstream, log, _):
        wait_for(f"{upstream}/ready")
        with fronted(folder, upstream.removeprefix("http://")) as url:
            yield url, log


def from_address(address):
    """A session whose connections come from another loopback address, which nginx counts by itself."""
    session = requests.Session()
    adapter = HTTPAdapter()
    adapter.init_poolmanager(10, 10, source_address=(address, 0))
    session.mount("http://", adapter)
    return session


def test_requests_pass_with_their_id_and_chunked_bodies_get_a_length(proxy):
    url, log = proxy
    answer = requests.post(f"{url}/extract", files={"img": ASTRONAUT}, headers={"X-Request-Id": "mine-1"}, timeout=60)
    assert (answer.status_code, answer.headers["X-Request-Id"]) == (200, "mine-1")
    assert '"request_id": "mine-1"' in log.read_text()
    chunks = requests.post(
        f"{url}/extract",
        data=iter([ASTRONAUT[:1000], ASTRONAUT[1000:]]),
        headers={"Content-Type": "image/png", "X-Request-Id": "two words"},
        timeout=60,
    )
    assert chunks.status_code == 200
    assert re.fullmatch(r"[0-9a-f]{32}", chunks.headers["X-Request-Id"])


def assert_body(answer, status, code):
    body = answer.json()
    assert (answer.status_code, body["error_code"]) == (status, code)
    assert set(body) == {"success", "error_code", "message", "request_id", "details"}
    assert body["request_id"] == answer.headers["X-Request-Id"]


def test_a_body_over_the_limit_is_refused_in_the_one_error_body(proxy):
    head = b"POST /extract HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 99999999\r\n\r\n"
    host, port = proxy[0].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error_code"] == "request_too_large"


def test_an_address_that_asks_too_much_is_limited_and_health_is_not(proxy):
    session = from_address("127.0.0.3")
    answers = [session.get(f"{proxy[0]}/", timeout=10) for _ in range(120)]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited
    assert_body(limited[0], 429, "rate_limited")
    assert limited[0].headers["Retry-After"]
    assert {name: limited[0].headers[name] for name in SECURITY} == SECURITY
    assert {session.get(f"{proxy[0]}/health", timeout=10).status_code for _ in range(120)} == {200}
    assert requests.get(f"{proxy[0]}/", timeout=10).status_code == 200


def test_behind_nginx_nobody_chooses_the_address_that_is_limited(tmp_path):
    limits = {"TRUSTED_PROXIES": "1", "RATE_LIMIT_ADDRESS": "2/hour"}
    with served(tmp_path, **limits) as (upstream, _, process):
        wait_for(f"{upstream}/health", alive=process)
        with fronted(tmp_path, upstream.removeprefix("http://")) as url:
            forged = ({}, *({"X-Forwarded-For": f"198.51.100.{number}, 10.0.0.1"} for number in range(3)))
            statuses = [requests.get(f"{url}/persons", headers=one, timeout=30).status_code for one in forged]
            assert statuses == [200, 200, 429, 429]
            assert from_address("127.0.2.1").get(f"{url}/persons", timeout=30).status_code == 200


def test_a_service_that_is_gone_is_said_to_be(tmp_path):
    with fronted(tmp_path, f"127.0.0.1:{free_port()}") as url:
        assert_body(requests.get(f"{url}/", timeout=10), 503, "service_unavailable")


HOST = b"Host: localhost\r\n"
REFUSED = {  # what nginx cannot or will not read, with the status and the code of its answer
    b"GET / HTTP/1.1\r\n\r\n": (400, "validation_error"),
    b"GET / HTTP/1.1\r\n" + HOST + b"no header\r\n\r\n": (400, "validation_error"),
    b"\x16\x03\x01\r\n\r\n": (400, "validation_error"),
    b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n": (400, "validation_error"),
    b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"a" * 40_000 + b"\r\n\r\n": (400, "validation_error"),
    b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n": (414, "validation_error"),
    b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: x\r\n\r\n": (501, "validation_error"),
    b"GET / HTTP/3.1\r\n" + HOST + b"\r\n": (505, "validation_error"),
    b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n": (405, "method_not_allowed"),
    b"GET /refused HTTP/1.1\r\n" + HOST + b"\r\n": (404, "not_found"),
    b"GET / HTTP/1.1\r\n" + HOST + b"\r\n": (503, "service_unavailable"),
}


def test_whatever_nginx_itself_refuses_has_the_one_error_body_and_the_security_headers(tmp_path):
    with fronted(tmp_path, f"127.0.0.1:{free_port()}") as url:
        address = url.removeprefix("http://").split(":")
        for sent, expected in REFUSED.items():
            with socket.create_connection(address, timeout=10) as connection:
                connection.sendall(sent)
                answer = HTTPResponse(connection)
                answer.begin()
                body = json.loads(answer.read())
            assert (answer.status, body["error_code"]) == expected, sent[:60]
            assert set(body) == {"success", "error_code", "message", "request_id", "details"}
            assert (body["success"], body["request_id"]) == (False, answer.headers["X-Request-Id"])
            assert {name: answer.headers.get_all(name) for name in SECURITY} == {k: [v] for k, v in SECURITY.items()}
            assert answer.headers["Retry-After"] == ("5" if answer.status == 503 else None)


def checked(file, folder):
    """What nginx says about a configuration."""
    command = ["nginx", "-t", "-q", "-c", str(file), "-g", f"pid {folder}/nginx.pid;"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_shipped_configuration_is_valid_on_any_machine(tmp_path):
    assert checked(PROJECT / "deploy" / "nginx.conf", tmp_path).stderr == ""


def test_with_the_documented_tls_conf_beside_it_nginx_serves_tls(tmp_path):
    page = (PROJECT / "docs" / "how-to" / "bare-server.md").read_text()
    text = re.search(r"```nginx\n(.*?)```", page, re.DOTALL)[1]
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "privkey.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "fullchain.pem")
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    port = free_port()
    for old, new in (("/etc/ssl/faces", str(tmp_path)), ("listen 443", f"listen 127.0.0.1:{port}")):
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "tls.conf").write_text(text)
    with fronted(tmp_path, f"127.0.0.1:{free_port()}"):
        answer = requests.get(f"https://127.0.0.1:{port}/", verify=tmp_path / "authority.pem", timeout=10)
    assert_body(answer, 503, "service_unavailable")
    assert (tmp_path / "nginx.log").read_text().count("[warn]") == 0


def test_compose_starts_nginx_with_the_address_of_its_container(tmp_path):
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
    shell, option, script = compose["nginx"]["command"]
    made, _, started = script.partition(" && ")
    made = made.replace("/tmp/", f"{tmp_path}/").replace("/etc/nginx", str(PROJECT / "deploy"))
    subprocess.run([shell, option, made], check=True)
    ours = (PROJECT / "deploy" / "nginx.conf").read_text()
    address = f"{compose['api']['hostname']}:{compose['api']['environment']['PORT']}"
    assert (tmp_path / "nginx.conf").read_text() == ours.replace("127.0.0.1:5000", address)
    assert f"server {address};" in (tmp_path / "nginx.conf").read_text()
    assert started.startswith("exec nginx -c /tmp/nginx.conf ")


class SlowClients(threading.Thread):
    """Clients that hold connections: a third never end their header, a third their body, a third say nothing."""

    STARTS = (
        b"POST /extract HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        b"POST /extract HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 1000000\r\n\r\n",
        b"",
    )

    def __init__(self, url, count):
        super().__init__(daemon=True)
        host, port = url.removeprefix("http://").split(":")
        self.address, self.count = (host, int(port)), count
        self.over = threading.Event()
        self.connections = 0

    def run(self):
        clients = [None] * self.count
        while not self.over.wait(0.5):
            for number in range(self.count):
                clients[number] = self.continued(clients[number], number)
        for client in clients:
            if client is not None:
                client.close()

    def continued(self, client, number):
        """The client after its next byte, a new one if there was none, or None if it was thrown out."""
        try:
            if client is None:
                client = socket.create_connection(self.address, 2, (ATTACKERS[number % len(ATTACKERS)], 0))
                client.sendall(self.STARTS[number % 3])
                self.connections += 1
            elif number % 3 < 2:
                client.sendall(b"x")
        except OSError:
            if client is not None:
                client.close()
            return None
        return client


def good_client(url, seconds, timeout_s=20):
    """Asks for health and for faces as long as that; returns the statuses, or what went wrong."""
    seen = []
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        for call in (
            lambda: requests.get(f"{url}/health", timeout=timeout_s),
            lambda: requests.post(f"{url}/extract", files={"img": ASTRONAUT}, timeout=timeout_s),
        ):
            try:
                seen.append(call().status_code)
            except requests.RequestException as error:
                seen.append(type(error).__name__)
    return seen


def test_two_hundred_slow_clients_stop_neither_a_good_client_nor_health(proxy):
    attack = SlowClients(proxy[0], SLOW_CLIENTS)
    attack.start()
    seen = good_client(proxy[0], SLOW_CLIENTS_S)
    attack.over.set()
    attack.join(30)
    assert attack.connections >= SLOW_CLIENTS
    assert set(seen) == {200}
    assert len(seen) >= 20


def test_without_nginx_the_same_clients_would_stop_it(tmp_path):
    with served(tmp_path, QUEUE_MAX="4", INFERENCE_LANES="1") as (url, _, _):
        wait_for(f"{url}/ready")
        attack = SlowClients(url, SLOW_CLIENTS)
        attack.start()
        time.sleep(3)
        seen = good_client(url, 3, timeout_s=2)
        attack.over.set()
        attack.join(30)
    assert set(seen) != {200}


def test_behind_nginx_a_page_of_the_same_origin_may_send_and_no_other(tmp_path):
    with served(tmp_path, TRUSTED_PROXIES="1") as (upstream, _, process):
        wait_for(f"{upstream}/health", alive=process)
        with fronted(tmp_path, upstream.removeprefix("http://")) as url:
            port = url.rpartition(":")[2]
            forged = {"X-Forwarded-Host": "evil.net", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/x"}
            for status, headers in (
                (201, {}),
                (409, {"Origin": url}),
                (409, {"Origin": f"http://localhost:{port}", "Host": f"localhost:{port}"}),
                (409, {"Origin": "http://localhost", "Host": "localhost"}),
                (403, {"Origin": "http://127.0.0.1"}),
                (403, {"Origin": "https://evil.net"} | forged),
                (403, {"Origin": "http://evil.net", "Host": "evil.net"}),
            ):
                sent = {"json": {"name": "staff"}, "headers": headers, "timeout": 30}
                assert requests.post(f"{url}/collections", **sent).status_code == status, headers
            assert requests.get(f"{url}/persons", headers={"Host": "evil.net"}, timeout=30).status_code == 403


PRIVATE = (
    "/metrics",
    "/metrics/",
    "/metrics//",
    "//metrics",
    "/%6detrics",
    "/api/v1/metrics",
    "/api/v1//metrics/",
    "/x/../metrics",
)


@pytest.mark.parametrize("path", PRIVATE)
def test_the_metrics_are_not_published(proxy, path):
    assert_body(raw(proxy[0], path), 404, "not_found")
    assert "face_" not in raw(proxy[0], path).text


def test_a_collection_may_have_the_name_of_the_metrics(proxy):
    answer = requests.delete(f"{proxy[0]}/collections/metrics", timeout=10)
    assert "collection" in answer.json()["message"]


def raw(url, path):
    """The answer to this very path, which the client does not make plain."""
    request = requests.Request("GET", url).prepare()
    request.url = url + path
    return requests.Session().send(request, timeout=10)
