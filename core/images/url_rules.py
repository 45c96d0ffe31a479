"""Which hosts, ports and addresses an image URL may lead to."""

import ipaddress
from dataclasses import dataclass

import psutil

from core.images.private_hosts import WEB_PORTS, Address, PrivateHost, plain_name

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

# Networks for private use (RFC 1918, 4193 and 6598), and the addresses in them at which clouds give out credentials
# (Alibaba, AWS, Google).
_PRIVATE = [
    ipaddress.ip_network(block)
    for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
]
_METADATA = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "fd00:ec2::254", "fd20:ce::254")))


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlRules:
    """The hosts and ports of image URLs. Without `allowed_hosts`, any host.

    Addresses must be public, and none of this machine's own. For the hosts and ports of `private_hosts` they need not
    be: if the entry is a name, the address may also be one for private use; if it is a network, any address in it.
    """

    allowed_hosts: tuple[str, ...] = ()
    allowed_ports: tuple[int, ...] = WEB_PORTS
    private_hosts: tuple[PrivateHost, ...] = ()

    def is_private_host(self, host: str, port: int) -> bool:
        """Return whether a URL names a host and port of `private_hosts`."""
        return any(entry.is_named(host, port) for entry in self.private_hosts)

    def allows_host(self, host: str, port: int) -> bool:
        """Return whether a URL may name this host. It still has to be resolved."""
        return not self.allowed_hosts or plain_name(host) in self.allowed_hosts or self.is_private_host(host, port)

    def allows_port(self, port: int) -> bool:
        """Return whether a URL may name this port. For some hosts it may still be the wrong one."""
        return port in self.allowed_ports or any(port in entry.ports for entry in self.private_hosts)

    def allows_address(self, address: str, host: str, port: int) -> bool:
        """Return whether a connection may go to this address of the host."""
        if any(entry.has_address(address, port) for entry in self.private_hosts):
            return True
        if self.is_private_host(host, port) and (is_public(address) or _is_private(address)):
            return True
        return port in self.allowed_ports and is_public(address) and not _is_own(address)


def is_public(address: str) -> bool:
    """Return whether an IP address is on the public internet; False for anything but a plain address."""
    ip = _parsed(address)
    if ip is None or ip.version == 4:
        return ip is not None and not any(ip in block for block in _SPECIAL_V4)
    return ip in _GLOBAL_V6 and not any(ip in block for block in _SPECIAL_V6)


def _is_private(address: str) -> bool:
    ip = _parsed(address)
    return ip not in _METADATA and any(ip in block for block in _PRIVATE if ip is not None)


def _is_own(address: str) -> bool:
    """Return whether an interface of this machine has the address."""
    held = (each.address for addresses in psutil.net_if_addrs().values() for each in addresses)
    return _parsed(address) in {ip for ip in map(_parsed, held) if ip is not None}


def _parsed(address: str) -> Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
