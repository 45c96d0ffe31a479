"""The entries of URL_PRIVATE_HOSTS: hosts and networks of the operator's own that image URLs may lead to."""

import ipaddress
import re
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

WEB_PORTS = (80, 443)
_MAX_PORT = 65_535

_ENTRY = re.compile(r"(\[(?P<brackets>[^\[\]]+)\]|(?P<plain>[^\[\]:]+))(:(?P<port>[0-9]{1,5}))?")
# A last label of digits would make it a number, which resolvers read as an address (URL standard, "ends in a number").
_NAME = re.compile(r"([a-z0-9_-]+\.)*[a-z0-9_-]*[a-z_-][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class PrivateHost:
    """A host by name, or a network (an address is one of its own), with its ports."""

    host: str | Network
    ports: tuple[int, ...] = WEB_PORTS

    def is_named(self, host: str, port: int) -> bool:
        """Return whether the host and port of a URL are this entry's, by name or by address."""
        if port not in self.ports:
            return False
        return plain_name(host) == self.host if isinstance(self.host, str) else self.has_address(host, port)

    def has_address(self, address: str, port: int) -> bool:
        """Return whether this entry is a network with this address and port."""
        try:
            return not isinstance(self.host, str) and port in self.ports and ipaddress.ip_address(address) in self.host
        except ValueError:
            return False


def parse_private_host(entry: str) -> PrivateHost:
    """Return the entry written as `cam.lan:8080`, `192.168.1.0/24`, `fd00::/8` or `[fd00::1]:8080`.

    Raises:
        ValueError: the entry is none of these.
    """
    try:
        return PrivateHost(ipaddress.ip_network(entry))
    except ValueError:
        parts = _ENTRY.fullmatch(entry)
    if parts is None or not 0 < int(parts["port"] or WEB_PORTS[0]) <= _MAX_PORT:
        raise ValueError("write hosts or networks such as cam.lan:8080, 192.168.1.0/24 or [fd00::1]:8080")
    ports = (int(parts["port"]),) if parts["port"] else WEB_PORTS
    if parts["plain"] and _NAME.fullmatch(name := plain_name(parts["plain"])):
        return PrivateHost(name, ports)
    return PrivateHost(ipaddress.ip_network(parts["brackets"] or parts["plain"]), ports)


def plain_name(host: str) -> str:
    """Return the name of a host as it is compared: in lower case, without a final dot."""
    return host.lower().rstrip(".")
