"""Reads an image from a client's URL, from public addresses only."""

import ipaddress
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from core.exceptions import ImageDecodeError, ImageSourceForbidden, ImageTooLarge
from core.timeouts import remaining_s

CONNECT_TIMEOUT_S = 3.0
FETCH_TIMEOUT_S = 10.0  # for the whole exchange with redirects; below the deadlines of nginx and of the request
MAX_REDIRECTS = 3
_CHUNK_BYTES = 65536

_HEADERS = {
    "Accept": "image/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "face-service",
}

# A result of getaddrinfo: family, kind, protocol, canonical name, socket address.
_Answer = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]

# Limits pending look-ups: an unanswered look-up outlives its request.
_look_ups = threading.BoundedSemaphore(32)

# Blocks of IPv4's unicast range that are not public (IANA IPv4 Special-Purpose Address Registry). 168.63.129.16 is the
# address of Azure's platform services for its virtual machines: it is public by number only.
_SPECIAL_V4 = [
    ipaddress.IPv4Network(block)
    for block in (
         "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
         "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
         "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
         "240.0.0.0/4",
    )
]  # fmt: skip
# In IPv6 only global unicast is public, without its special blocks (IANA IPv6 Special-Purpose Address Registry).
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_V6 = [
    ipaddress.IPv6Network(block)
    for block in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]


def is_public(address: str) -> bool:
    """Return whether an IP address is on the public internet; False for anything but a plain address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if ip.version == 4:
        return not any(ip in block for block in _SPECIAL_V4)
    return ip in _GLOBAL_V6 and not any(ip in block for block in _SPECIAL_V6)


def fetch(url: str, *, max_bytes: int, allowed_hosts: tuple[str, ...] = ()) -> bytes:
    """Return the bytes at `url`, over http or https, from public addresses only.

    A host is resolved once, inside the connection. Nothing is sent unless every resolved address is public. The
    connection goes to one of these addresses, so a second look-up cannot change it. Proxies, `.netrc`, cookies and
    compressed bodies are not used. Redirects are followed here, each checked like the first URL.

    Raises:
        ImageSourceForbidden: the URL, or that of a redirect, is malformed, has a forbidden scheme or host, or names an
            address that is not public. The URL itself shows this; no server was contacted.
        ImageTooLarge: the body has more than `max_bytes`.
        ImageDecodeError: any other failure, including a name with a private address. All share one message, so that
            answers do not reveal the structure of a network.
    """
    left_s = remaining_s()
    deadline = _Deadline(FETCH_TIMEOUT_S if left_s is None else min(FETCH_TIMEOUT_S, left_s))
    try:
        with deadline:
            for _ in range(MAX_REDIRECTS + 1):
                _check_url(url)
                with _answer(url, deadline, allowed_hosts) as response:
                    if not response.is_redirect:
                        body = _read_body(response, max_bytes)
                        deadline.left_s()  # after a shutdown by the timer, the body only seems complete
                        return body
                    url = urljoin(url, response.headers["Location"])
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError):
        raise ImageDecodeError("The URL could not be read. Check that it is public and serves an image.") from None
    raise ImageDecodeError("The URL could not be read. Check that it is public and serves an image.")


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ImageSourceForbidden("This URL is not allowed. Use a plain http or https URL.") from None
    if not parts.hostname or parts.scheme not in ("http", "https") or parts.username is not None:
        raise ImageSourceForbidden("This URL is not allowed. Use a plain http or https URL.")


def _read_body(response: requests.Response, max_bytes: int) -> bytes:
    if response.status_code != requests.codes.ok or response.headers.get("Content-Encoding", "identity") != "identity":
        raise ValueError("the response has an error status or a compressed body")
    body = bytearray()
    # read1 returns the bytes that have arrived. So the limit holds whatever length the server claims.
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
        body += chunk
        if len(body) > max_bytes:
            raise ImageTooLarge(f"The image has more than {max_bytes} bytes. Send a smaller one.")
    return bytes(body)


class _Deadline:
    """Shuts down all watched sockets when its time is over: with a timeout per read a slow body could last forever."""

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
        # Watch a duplicate: TLS detaches the original, and a shutdown of either ends both.
        with self._lock:
            self._watched.append(socket.socket(fileno=os.dup(connected.fileno())))
        if time.monotonic() >= self._ends_at:
            self._shut_down()

    def left_s(self) -> float:
        """Return the seconds left, above 0; raise TimeoutError if none are left."""
        left_s = self._ends_at - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s

    def _shut_down(self) -> None:
        with self._lock:
            for watched in self._watched:
                with suppress(OSError):
                    watched.shutdown(socket.SHUT_RDWR)


def _connect_public(host: str, port: int, allowed_hosts: tuple[str, ...], deadline: _Deadline) -> socket.socket:
    """Return a connection to `host`, resolved once. Checking the host here rules out a different parsing of the URL.

    Raises:
        ImageSourceForbidden: the host is not allowed, or is itself an address that is not public.
        OSError: the host has no address or one that is not public, or no address accepts the connection.
    """
    if allowed_hosts and host.lower().rstrip(".") not in allowed_hosts:
        raise ImageSourceForbidden("The host of this URL is not allowed. Use a host of URL_ALLOWED_HOSTS.")
    answers = _resolve(host, port, deadline)
    if not all(is_public(str(address[0])) for *_, address in answers):
        if _names_an_address(host):
            raise ImageSourceForbidden("The address of this URL is not public. Use a public address.")
        raise OSError("the host has an address that is not public")
    failure: OSError = OSError("the host has no address")
    for family, kind, protocol, _, address in answers:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(min(CONNECT_TIMEOUT_S, deadline.left_s()))
            connection.connect(address)
            deadline.watch(connection)
            return connection
        except OSError as error:
            connection.close()
            failure = error
    raise failure


def _resolve(host: str, port: int, deadline: _Deadline) -> Sequence[_Answer]:
    """Return the result of `getaddrinfo` within the deadline. Its thread ends when the resolver gives up."""
    answers: Future[Sequence[_Answer]] = Future()

    def look_up() -> None:
        try:
            answers.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:
            answers.set_exception(error)
        finally:
            _look_ups.release()

    if not _look_ups.acquire(timeout=deadline.left_s()):
        raise TimeoutError
    threading.Thread(target=look_up, name="name look-up", daemon=True).start()
    return answers.result(deadline.left_s())


def _names_an_address(host: str) -> bool:
    """Return whether `host` is an address in any spelling of the system, or always means one (RFC 6761, 6.3)."""
    if f".{host.lower().rstrip('.')}".endswith(".localhost"):
        return True
    try:
        return bool(socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST))
    except OSError:
        return False


class _Session(requests.Session):
    """A session that ignores redirects: to prepare one, `requests` would read the whole body of the response."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


@contextmanager
def _answer(url: str, deadline: _Deadline, allowed_hosts: tuple[str, ...]) -> Iterator[requests.Response]:
    """Yield the response of the server at `url`, over a new connection from `_connect_public`.

    The session is also new. It has no cookies from the last redirect, and no connection that its server may be closing.
    """

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
    with _Session() as session:
        session.trust_env = False
        session.headers.clear()
        session.headers.update(_HEADERS)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        timeout = (CONNECT_TIMEOUT_S, FETCH_TIMEOUT_S)
        with session.get(url, stream=True, allow_redirects=False, timeout=timeout) as response:
            yield response
