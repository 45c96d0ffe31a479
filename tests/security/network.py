"""An internet on one machine's loopback: every address there is, name servers, and servers that mean harm.

Run inside namespaces of its own (`unshare --net --mount`), where all of IPv4 and IPv6 is routed to loopback. Listeners
take every address: a connection to one of `PUBLIC` or `PRIVATE` is answered by its path, any other is a hit of the
canary, written to the file `hits` as it is accepted, whatever comes of it; `settle` waits until all are there. Names
below `.test` are answered by a real name server, through the system's own resolver.
"""

import asyncio
import contextlib
import ipaddress
import multiprocessing
import socket
import ssl
import subprocess
from collections import Counter
from pathlib import Path

import certifi
import dns.message
import dns.rrset
import trustme

from tests.security.hostile_server import answer

PUBLIC = ("93.184.216.34", "2606:2800:220:1::1")
PRIVATE = ("10.1.2.7", "fd00:1::7")  # an operator's own servers, which answer as the public ones do
OWN = ("93.184.216.200", "2606:2800:220:1::200")  # public by number, and held by this machine
DEAF, DEAF_PORT = [f"93.184.216.{last}" for last in range(100, 130)], 81  # public, and accept nothing
TLS_NAME = "secure.test"
PORTS = (80, 8080, 22, 443)  # the last with TLS
FENCES = ("10.77.77.77", "fd00:77::77")  # no hits: `settle` connects to them


def enter() -> None:
    """Route everything to loopback, and let this machine's resolver and certificates be ours.

    Raises:
        CalledProcessError: not in a namespace of our own, or without the right to change it.
    """
    for command in (
        "ip link set lo up",
        "ip route add local 0.0.0.0/0 dev lo",
        "ip -6 route add local ::/0 dev lo",
        *(f"ip address add {address} dev lo" for address in OWN),
    ):
        subprocess.run(command.split(), check=True)


def start(folder: Path) -> Path:
    """Start the servers in a process of their own; returns the file that lists the canary's hits."""
    authority = trustme.CA()
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    for ours, theirs in (("resolv.conf", "/etc/resolv.conf"), ("authority.pem", certifi.where())):
        subprocess.run(["mount", "--bind", str(folder / ours), theirs], check=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(TLS_NAME).configure_cert(tls)
    ready = multiprocessing.Event()
    hits = folder / "hits"
    hits.touch()
    multiprocessing.get_context("fork").Process(target=_serve, args=(hits, tls, ready), daemon=True).start()
    assert ready.wait(10)
    return hits


def _serve(hits: Path, tls: ssl.SSLContext, ready: "multiprocessing.synchronize.Event") -> None:
    asyncio.run(_listen(hits, tls, ready))


def settle() -> None:
    """Return once the file of hits has every connection that was made before this call.

    A listener accepts in the order of connecting, so that all of them are written when it closes one of ours.
    """
    for address in FENCES:
        for port in PORTS:
            with socket.create_connection((address, port), timeout=10) as fence:
                assert fence.recv(1) == b""


async def _listen(hits: Path, tls: ssl.SSLContext, ready: "multiprocessing.synchronize.Event") -> None:
    accepting = [
        asyncio.create_task(_accept(family, every, port, tls if port == PORTS[-1] else None, hits))
        for family, every in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"))
        for port in PORTS
    ]
    await asyncio.get_running_loop().create_datagram_endpoint(NameServer, ("127.0.0.1", 53))
    deaf = [socket.create_server((address, DEAF_PORT), backlog=0) for address in DEAF]
    for address in DEAF * 2:  # fills the backlog: what comes after gets no answer
        deaf.append(socket.socket())
        deaf[-1].setblocking(False)
        deaf[-1].connect_ex((address, DEAF_PORT))
    ready.set()
    await asyncio.gather(*accepting)


async def _accept(family: int, every: str, port: int, tls: ssl.SSLContext | None, hits: Path) -> None:
    answering = set()
    with socket.create_server((every, port), family=family, backlog=1000) as listener:
        listener.setblocking(False)
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(listener)
            address = connection.getsockname()[0]
            if address in FENCES:
                connection.close()
                continue
            if address not in (*PUBLIC, *PRIVATE):
                with hits.open("a") as file:
                    file.write(address + "\n")
            task = asyncio.create_task(_answer(connection, tls))
            answering.add(task)
            task.add_done_callback(answering.discard)


async def _answer(connection: socket.socket, tls: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader(loop=loop), answer, loop=loop)
    with contextlib.suppress(OSError):  # it went away, or does not like our certificate
        await loop.connect_accepted_socket(lambda: protocol, connection, ssl=tls)


class NameServer(asyncio.DatagramProtocol):
    """Answers names that say themselves what to answer: `<address as hex>.<another>.<kind>.test`."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text().lower()
        *labels, kind, _, _ = name.split(".")
        kind_of_record = dns.rdatatype.to_text(query.question[0].rdtype)
        if kind == "silent":
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if kind == "circle":
            response.answer.append(dns.rrset.from_text(name, 0, "IN", "CNAME", name))
        addresses = self._addresses(kind, labels, name, kind_of_record)
        of_record = [str(one) for one in addresses if kind_of_record == ("A" if one.version == 4 else "AAAA")]
        if of_record:
            response.answer.append(dns.rrset.from_text(name, 0, "IN", kind_of_record, *of_record))
        if not addresses and kind != "circle":
            response.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(response.to_wire(), sender)

    def _addresses(self, kind, labels, name, kind_of_record):
        if kind in ("good", "secure", "wrong"):
            return [ipaddress.ip_address(address) for address in PUBLIC]
        if kind == "deaf":
            return [ipaddress.ip_address(address) for address in DEAF]
        if kind == "as":
            return [_from_hex(label) for label in labels]
        if kind == "flip":  # a rebinding name: each answer differs from the one before
            self._asked[name + kind_of_record] += 1
            return [_from_hex(labels[self._asked[name + kind_of_record] % len(labels)])]
        return []


def _from_hex(label: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(bytes.fromhex(label))


def name_of(*addresses: str, kind: str = "as") -> str:
    """A name that resolves to these addresses; with the kind `flip` to each of them in turn."""
    return ".".join(ipaddress.ip_address(address).packed.hex() for address in addresses) + f".{kind}.test"
