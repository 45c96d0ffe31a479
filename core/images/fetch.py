"""Reads an image from a client's URL, from the addresses that the rules allow."""

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from core.exceptions import ImageDecodeError, ImageSourceForbidden, ImageTooLarge
from core.images.url_rules import UrlRules
from core.timeouts import remaining_s

CONNECT_TIMEOUT_S = 3.0
FETCH_TIMEOUT_S = 10.0  # for the whole exchange with redirects; below the deadlines of nginx and of the request
MAX_REDIRECTS = 3
_CHUNK_BYTES = 65536
_PORTS = {"http": 80, "https": 443}

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


def fetch(url: str, *, max_bytes: int, rules: UrlRules) -> bytes:
    """Return the bytes at `url`, over http or https.

    A host is resolved once, inside the connection. Nothing is sent unless the rules allow every resolved address. The
    connection goes to one of these addresses, so a second look-up cannot change it. Proxies, `.netrc`, cookies and
    compressed bodies are not used. Redirects are followed here, each checked like the first URL. User and password are
    taken from the URLs of private hosts only.

    Raises:
        ImageSourceForbidden: the URL, or that of a redirect, is malformed, has a forbidden scheme, host or port, or
            names a forbidden address. The URL itself shows this; no server was contacted.
        ImageTooLarge: the body has more than `max_bytes`.
        ImageDecodeError: any other failure, including a name with a private address. All share one message, so that
            answers do not reveal the structure of a network.
    """
    left_s = remaining_s()
    deadline = _Deadline(FETCH_TIMEOUT_S if left_s is None else min(FETCH_TIMEOUT_S, left_s))
    try:
        with deadline:
            for _ in range(MAX_REDIRECTS + 1):
                with _answer(*_without_user(url, rules), deadline, rules) as response:
                    if not response.is_redirect:
                        body = _read_body(response, max_bytes)
                        deadline.left_s()  # after a shutdown by the timer, the body only seems complete
                        return body
                    url = urljoin(url, response.headers["Location"])
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError):
        raise ImageDecodeError("The URL could not be read. Check that it is public and serves an image.") from None
    raise ImageDecodeError("The URL could not be read. Check that it is public and serves an image.")


def _without_user(url: str, rules: UrlRules) -> tuple[str, tuple[str, str] | None]:
    """Return the URL without user and password, and these for basic authentication.

    Raises:
        ImageSourceForbidden: the URL is malformed or has another scheme, or a user for a host that is not private.
    """
    with suppress(ValueError):
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
        if parts.hostname and port is not None:
            if parts.username is None:
                return url, None
            if rules.is_private_host(parts.hostname, port):
                bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
                return bare, (unquote(parts.username), unquote(parts.password or ""))
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


def _connect_allowed(host: str, port: int, rules: UrlRules, deadline: _Deadline) -> socket.socket:
    """Return a connection to `host`, resolved once. Checking the host here rules out a different parsing of the URL.

    Raises:
        ImageSourceForbidden: the host or port is not allowed, or the host is itself an address that is not allowed.
        OSError: the host has no address or one that is not allowed, or no address accepts the connection.
    """
    if not rules.allows_host(host, port):
        raise ImageSourceForbidden("The host of this URL is not allowed. Use a host of URL_ALLOWED_HOSTS.")
    if not rules.allows_port(port):
        raise ImageSourceForbidden("The port of this URL is not allowed. Use a port of URL_ALLOWED_PORTS.")
    answers = _resolve(host, port, deadline)
    if not all(rules.allows_address(str(address[0]), host, port) for *_, address in answers):
        if _names_an_address(host):
            raise ImageSourceForbidden("The address of this URL is not allowed. Use a public address.")
        raise OSError("the host has an address that is not allowed")
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
def _answer(
    url: str, user: tuple[str, str] | None, deadline: _Deadline, rules: UrlRules
) -> Iterator[requests.Response]:
    """Yield the response of the server at `url`, over a new connection from `_connect_allowed`.

    The session is also new. It has no cookies from the last redirect, and no connection that its server may be closing.
    """

    class AllowedHTTP(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect_allowed(self.host, self.port or self.default_port, rules, deadline)

    class AllowedHTTPS(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connect_allowed(self.host, self.port or self.default_port, rules, deadline)

    class AllowedHTTPPool(HTTPConnectionPool):
        ConnectionCls = AllowedHTTP

    class AllowedHTTPSPool(HTTPSConnectionPool):
        ConnectionCls = AllowedHTTPS

    adapter = HTTPAdapter(max_retries=0)
    adapter.poolmanager.pool_classes_by_scheme = {"http": AllowedHTTPPool, "https": AllowedHTTPSPool}
    with _Session() as session:
        session.trust_env = False
        session.headers.clear()
        session.headers.update(_HEADERS)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        timeout = (CONNECT_TIMEOUT_S, FETCH_TIMEOUT_S)
        with session.get(url, auth=user, stream=True, allow_redirects=False, timeout=timeout) as response:
            yield response
