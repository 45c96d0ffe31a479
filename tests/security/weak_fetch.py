"""The guard that many services have: look the name up, refuse what is private, and let a library fetch by name."""

import ipaddress
import socket
from urllib.parse import urlsplit

import requests

from core.exceptions import ImageDecodeError, ImageSourceForbidden


def fetch(url: str, *, max_bytes: int, allowed_hosts: tuple[str, ...] = ()) -> bytes:
    try:
        first = socket.getaddrinfo(urlsplit(url).hostname, 80)[0][4][0]
        if ipaddress.ip_address(first).is_private:
            raise ImageSourceForbidden
        with requests.get(url, timeout=1) as response:
            return response.content[:max_bytes]
    except (OSError, ValueError) as error:
        raise ImageDecodeError(str(error)) from None
