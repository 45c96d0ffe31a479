import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.exceptions import ImageDecodeError, ImageSourceForbidden
from core.fetch import fetch, is_public

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1", "::", "::1",
        "::ffff:8.8.8.8", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::1", "64:ff9b:1::1", "fc00::1",
        "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001:db8::1", "2001::1",
        "2002:7f00:1::", "3fff::1", "5f00::1", "100::1", "example.com", "", "8.8.8", "0x7f000001",
    ],
)  # fmt: skip
def test_what_is_not_on_the_public_internet_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"])
def test_public_addresses_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "https://127.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/",
        "http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://0/", "http://169.254.169.254/latest/meta-data",
        "ftp://8.8.8.8/", "file:///etc/passwd", "http://user@8.8.8.8/", "http:///path", "http://[::1", "http://",
    ],
)  # fmt: skip
def test_urls_that_lead_nowhere_public_are_forbidden(url):
    with pytest.raises(ImageSourceForbidden):
        fetch(url, max_bytes=1000)


def test_a_name_that_does_not_exist_is_an_ordinary_failure():
    with pytest.raises(ImageDecodeError):
        fetch("http://nothing.invalid/", max_bytes=1000)


# A network namespace of its own, with an address on its loopback that counts as public, and a server on it and on
# 127.0.0.1. What runs inside is the real code, with nothing allowed for the test's sake.
SCRIPT = r"""
import http.server, json, socket, subprocess, sys, threading, time

PUBLIC = "93.184.216.34"
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(["ip", "addr", "add", PUBLIC + "/32", "dev", "lo"], check=True)
seen = []

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        seen.append((self.server.server_address[0], self.path, dict(self.headers)))
        name, _, rest = self.path[1:].partition("/")
        if name == "to":
            self.send_response(302)
            self.send_header("Location", rest)
            self.end_headers()
        elif name == "hop":
            self.send_response(301)
            self.send_header("Location", "/hop/%d" % (int(rest) - 1) if int(rest) > 1 else "/ok")
            self.end_headers()
        elif name == "drip":
            self.send_response(200)
            self.end_headers()
            for _ in range(600):
                self.wfile.write(b"x"); time.sleep(0.05)
        elif name == "silent":
            time.sleep(30)
        elif name == "gzip":
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(b"x")
        elif name == "lie":
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"x" * 100)
        elif name == "endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b"x" * 65536)
        elif name == "ok":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")
        else:
            self.send_error(404)
    def log_message(self, *_):
        pass

class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    def handle_error(self, *_):
        pass

for host in (PUBLIC, "127.0.0.1"):
    threading.Thread(target=Server((host, 80), Handler).serve_forever, daemon=True).start()

from core import fetch as module
from core.exceptions import ServiceError

module.FETCH_TIMEOUT_S = 1.0
resolve = socket.getaddrinfo
NAMES = {"good.test": [PUBLIC], "mixed.test": [PUBLIC, "127.0.0.1"], "private.test": ["127.0.0.1"]}
def getaddrinfo(host, port, *args, **kwargs):
    return [answer for address in NAMES.get(host, [host]) for answer in resolve(address, port, *args, **kwargs)]
socket.getaddrinfo = getaddrinfo

answers = {}
for url in json.loads(sys.argv[1]):
    started = time.monotonic()
    try:
        answer = module.fetch(url, max_bytes=1000, allowed_hosts=tuple(json.loads(sys.argv[2]))).decode()
    except ServiceError as error:
        answer = error.code
    answers[url] = (answer, time.monotonic() - started)
time.sleep(0.1)
timers = sum(type(thread).__name__ == "Timer" for thread in threading.enumerate())
print(json.dumps({"answers": answers, "seen": seen, "timers": timers}))
"""


@pytest.fixture(scope="module")
def inside():
    """Runs fetches inside the namespace; returns what each gave, in what time, and what the servers saw."""

    def run(*urls, allowed_hosts=()):
        command = ["unshare", "-n", sys.executable, "-c", SCRIPT, json.dumps(urls), json.dumps(allowed_hosts)]
        environment = os.environ | {"PYTHONPATH": str(PROJECT), "http_proxy": "http://127.0.0.1:80"}
        result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    probe = subprocess.run(["unshare", "-n", "ip", "link"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("needs root, unshare and ip to make a network namespace")
    return run


def test_a_public_address_is_read_with_nothing_of_ours_sent_along(inside):
    found = inside("http://93.184.216.34/ok", "http://good.test/ok")
    assert [answer for answer, _ in found["answers"].values()] == ["hello", "hello"]
    for _, _, headers in found["seen"]:
        assert set(headers) <= {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}
        assert headers["Accept-Encoding"] == "identity"


def test_names_with_any_private_answer_and_redirects_there_are_never_asked(inside):
    found = inside(
        "http://private.test/ok",
        "http://mixed.test/ok",
        "http://good.test/to/http://127.0.0.1/ok",
        "http://good.test/to/http://private.test/ok",
        "http://good.test/to/file:///etc/passwd",
    )
    assert {answer for answer, _ in found["answers"].values()} == {"image_source_forbidden"}
    assert {host for host, _, _ in found["seen"]} == {"93.184.216.34"}


def test_three_redirects_are_followed_and_four_are_not(inside):
    found = inside("http://good.test/hop/3", "http://good.test/hop/4", "http://good.test/to//ok")
    assert [answer for answer, _ in found["answers"].values()] == ["hello", "image_decode_error", "hello"]


def test_slow_lying_compressed_and_endless_answers_end_long_before_the_server_does(inside):
    paths = ("drip", "silent", "gzip", "endless", "missing", "lie")
    found = inside(*(f"http://good.test/{path}" for path in paths))
    answers = {url.rpartition("/")[2]: answer for url, (answer, _) in found["answers"].items()}
    assert answers.pop("lie") == "xxxxx"
    assert answers.pop("endless") == "image_too_large"
    assert set(answers.values()) == {"image_decode_error"}
    assert max(seconds for _, seconds in found["answers"].values()) < 10  # the servers go on for 30
    assert found["timers"] == 0


def test_only_allowed_hosts_are_asked(inside):
    found = inside(
        "http://good.test/ok", "http://93.184.216.34/ok", "http://good.test/to/http://93.184.216.34/ok",
        allowed_hosts=["good.test"],
    )  # fmt: skip
    assert [answer for answer, _ in found["answers"].values()] == ["hello", *["image_source_forbidden"] * 2]
