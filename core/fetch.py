"""Reads an image from a URL a client named, and from nowhere but the public internet."""

import ipaddress
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from core.exceptions import ImageDecodeError, ImageSourceForbidden, ImageTooLarge

CONNECT_TIMEOUT_S = 3.0
FETCH_TIMEOUT_S = 10.0  # the whole exchange, redirects included; below nginx's and the request's own deadline
MAX_REDIRECTS = 3
_CHUNK_BYTES = 65536

# Not public although in IPv4's unicast range (IANA IPv4 Special-Purpose Address Registry).
_SPECIAL_V4 = [
    ipaddress.IPv4Network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
]  # fmt: skip
# Of IPv6 only global unicast is public, less its special blocks (IANA IPv6 Special-Purpose Address Registry).
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_V6 = [
    ipaddress.IPv6Network(block)
    for block in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]


def is_public(address: str) -> bool:
    """Whether an IP address is one on the public internet; False for anything that is no plain address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if ip.version == 4:
        return not any(ip in block for block in _SPECIAL_V4)
    return ip in _GLOBAL_V6 and not any(ip in block for block in _SPECIAL_V6)


def fetch(url: str, *, max_bytes: int, allowed_hosts: tuple[str, ...] = ()) -> bytes:
    """The bytes at `url`, over http or https, from public addresses only.

    A host is resolved once, inside the connection; unless every answer is public nothing is sent, and the connection
    goes to one of those very answers, so a second look-up cannot change it. Proxies, `.netrc`, cookies and compressed
    bodies are not used. Redirects are followed here, each checked like the first URL.

    Raises:
        ImageSourceForbidden: the URL is malformed, of another scheme or host, or not public.
        ImageTooLarge: the body has more than `max_bytes`.
        ImageDecodeError: everything else; one text for all, so that the answers draw no map of a network.
    """
    deadline = _Deadline(FETCH_TIMEOUT_S)
    try:
        with deadline, _session(deadline, allowed_hosts) as session:
            for _ in range(MAX_REDIRECTS + 1):
                _check_url(url)
                with session.get(
                    url, stream=True, allow_redirects=False, timeout=(CONNECT_TIMEOUT_S, FETCH_TIMEOUT_S)
                ) as response:
                    if not response.is_redirect:
                        body = _read_body(response, max_bytes)
                        deadline.check()  # a socket shut down in mid-body looks like the end of it
                        return body
                    url = urljoin(url, response.headers["Location"])
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError):
        raise ImageDecodeError("The URL could not be read.") from None
    raise ImageDecodeError("The URL could not be read.")


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ImageSourceForbidden("Only plain http and https URLs are read.") from None
    if not parts.hostname or parts.scheme not in ("http", "https") or parts.username is not None:
        raise ImageSourceForbidden("Only plain http and https URLs are read.")


def _read_body(response: requests.Response, max_bytes: int) -> bytes:
    if response.status_code != requests.codes.ok or response.headers.get("Content-Encoding", "identity") != "identity":
        raise ValueError("not a plain answer")
    body = bytearray()
    # read1 returns what has arrived, so that the cap holds whatever length the server claims.
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
        body += chunk
        if len(body) > max_bytes:
            raise ImageTooLarge(f"The image has more than {max_bytes} bytes.")
    return bytes(body)


class _Deadline:
    """Ends all sockets given to it once its time is over; a timeout per read would let a slow body go on forever."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for watched in self._watched:
                watched.close()
            self._watched.clear()

    def watch(self, connected: socket.socket) -> None:
        # A duplicate: TLS takes the original apart, and shutting down either ends both.
        with self._lock:
            self._watched.append(socket.socket(fileno=os.dup(connected.fileno())))
        if time.monotonic() >= self._ends_at:
            self._shut_down()

    def check(self) -> None:
        """Raise TimeoutError if the time is over."""
        if time.monotonic() >= self._ends_at:
            raise TimeoutError

    def _shut_down(self) -> None:
        with self._lock:
            for watched in self._watched:
                with suppress(OSError):
                    watched.shutdown(socket.SHUT_RDWR)


def _connect_public(host: str, port: int, allowed_hosts: tuple[str, ...], deadline: _Deadline) -> socket.socket:
    """A connection to `host`, resolved once. The host is judged here, where no other reading of the URL can differ.

    Raises:
        ImageSourceForbidden: the host is not an allowed one, or one of its addresses is not public.
        OSError: no answer, or none of the addresses accepts.
    """
    if allowed_hosts and host.lower().rstrip(".") not in allowed_hosts:
        raise ImageSourceForbidden("This server does not read images from that host.")
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not all(is_public(str(address[0])) for *_, address in answers):
        raise ImageSourceForbidden("This server reads images from public addresses only.")
    failure: OSError = OSError("no address")
    for family, kind, protocol, _, address in answers:
        deadline.check()
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(CONNECT_TIMEOUT_S)
            connection.connect(address)
            deadline.watch(connection)
            return connection
        except OSError as error:
            connection.close()
            failure = error
    raise failure


@contextmanager
def _session(deadline: _Deadline, allowed_hosts: tuple[str, ...]) -> Iterator[requests.Session]:
    """A session whose every connection goes through `_connect_public`, and that sends nothing of ours along."""

    class PublicHTTP(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect_public(self.host, self.port or self.default_port, allowed_hosts, deadline)

    class PublicHTTPS(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connect_public(self.host, self.port or self.default_port, allowed_hosts, deadline)

    class PublicHTTPPool(HTTPConnectionPool):
        ConnectionCls = PublicHTTP

    class PublicHTTPSPool(HTTPSConnectionPool):
        ConnectionCls = PublicHTTPS

    adapter = HTTPAdapter(max_retries=0)
    adapter.poolmanager.pool_classes_by_scheme = {"http": PublicHTTPPool, "https": PublicHTTPSPool}
    with requests.Session() as session:
        session.trust_env = False
        session.headers.clear()
        session.headers.update({"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "face-service"})
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        yield session
