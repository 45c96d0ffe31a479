"""Attacks on the reading of URLs, run inside tests/security/network.py's internet.

`unshare --net --mount python -m tests.security.url_attacks <attack> <module:function> <tries>` prints how often it was
tried and what got through, as JSON.
"""

import importlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice, permutations
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from core.exceptions import ImageDecodeError, ImageError, ImageSourceForbidden, ImageTooLarge
from core.images import fetch as guard
from core.images.private_hosts import parse_private_host
from core.images.url_rules import UrlRules
from core.process import prepare_process
from core.settings import Settings
from tests.security import network
from tests.security.hostile_server import DRIPPED, ENDLESS, FIXED, STALLING
from tests.security.hostile_urls import ADDRESSES, SPELLINGS, TARGETS
from tests.security.made_up_answers import made_up

MAX_BYTES = 100_000
DEADLINE_S = 1.0
GRACE_S = 0.5
LEFT_AFTER_S = 20  # the resolver's own patience with a name server that never answers
MEMORY_MB = 40

PUBLIC, PUBLIC_6 = network.PUBLIC
PRIVATE, PRIVATE_6 = network.PRIVATE

# What is tried on other servers than a web site's is refused for what it is, and not for its port.
ANY_PORT = UrlRules(allowed_ports=tuple(range(1, 1 << 16)))

# What is no failure: as much as was announced, all there was, an echo of what we sent, what follows a redirect whose
# body nobody reads, more than is allowed.
ANSWERED = {
    "lie": "hello",
    "refresh": "hello",
    "negative-length": "xxx",
    "cookie": "Host: good.test",
    "endless-redirect-body": "hello",
    "endless": "The image has more than",
    "endless-chunks": "The image has more than",
}


# The headers of our requests; "" is the line that ends them.
SENT = {"Host", "Accept", "Accept-Encoding", "Connection", "User-Agent", ""}


class Outcome(NamedTuple):
    """What one fetch gave: an error and its text, or the content."""

    error: type[Exception] | None
    text: str
    seconds: float


class Attacker:
    """Fetches, and notes what should not have happened."""

    def __init__(self, fetch: Callable[..., bytes], hits: Path, tries: int) -> None:
        self._fetch, self._hits = fetch, hits
        self._known = 0
        self.limit = tries
        self.tries = 0
        self.breaches: list[str] = []

    def fetch(self, url: str, *, rules: UrlRules = ANY_PORT) -> Outcome:
        """An attack."""
        self.tries += 1
        return self.harmless(url, rules=rules)

    def harmless(self, url: str, *, rules: UrlRules = ANY_PORT) -> Outcome:
        """What is no attack, or was counted as one before."""
        started = time.monotonic()
        try:
            content = self._fetch(url, max_bytes=MAX_BYTES, rules=rules)
            outcome = Outcome(None, content[:1000].decode(errors="replace"), time.monotonic() - started)
        except ImageError as error:
            outcome = Outcome(type(error), error.message, time.monotonic() - started)
        except Exception as error:
            outcome = Outcome(type(error), str(error), time.monotonic() - started)
            self.breaches.append(f"{url!a}: {error!r}")
        self.look_for_hits(f"{url!a} reached")
        return outcome

    def look_for_hits(self, how: str) -> None:
        """Note what of the forbidden has been reached since the last look."""
        network.settle()
        hits = self._hits.read_text().split()
        self.breaches += [f"{how} {address}" for address in hits[self._known :]]
        self._known = len(hits)

    def expect(self, holds: bool, what: str) -> None:
        if not holds:
            self.breaches.append(what)

    def refused(self, url: str, *, rules: UrlRules = ANY_PORT) -> Outcome:
        outcome = self.fetch(url, rules=rules)
        self.expect(outcome.error is not None, f"{url!a} was answered")
        return outcome


def addresses(attacker: Attacker) -> None:
    """Each address as a host, behind a name, and behind a redirect."""
    for address in ADDRESSES:
        host = f"[{address.replace('%', '%25')}]" if ":" in address else address
        outcome = attacker.refused(f"http://{host}/ok")
        attacker.expect("%" in address or outcome.error is ImageSourceForbidden, f"{address}: {outcome}")
        attacker.refused(f"http://{PUBLIC}/to/302/1/" + quote(f"http://{host}/ok", safe=""))
        if "%" not in address:
            attacker.refused(f"http://{network.name_of(address)}/ok")


def spellings(attacker: Attacker) -> None:
    for url in SPELLINGS:
        attacker.refused(url)


def redirects(attacker: Attacker) -> None:
    for status in (301, 302, 303, 307, 308):
        for depth in range(1, 5):
            for target in TARGETS:
                attacker.refused(f"http://good.test/to/{status}/{depth}/{quote(target, safe='')}")
            found = attacker.harmless(f"http://good.test/to/{status}/{depth}/{quote('http://good.test/ok', safe='')}")
            attacker.expect((found.text == "hello") is (depth <= guard.MAX_REDIRECTS), f"{status} x {depth}: {found}")


def mixed(attacker: Attacker) -> None:
    """Names of which only some of the answers are public, in every order."""
    for private in ("127.0.0.1", "10.1.2.3", "169.254.169.254", "fd00:ec2::254", "::1", "64:ff9b::a00:1"):
        for order in permutations((PUBLIC, PUBLIC_6, private)):
            attacker.refused(f"http://{network.name_of(*order)}/ok")
    found = attacker.harmless(f"http://{network.name_of(PUBLIC, PUBLIC_6)}/ok")
    attacker.expect(found.text == "hello", f"public answers only: {found}")


def rebinding(attacker: Attacker) -> None:
    """Names that answer something else each time they are asked."""
    names = [network.name_of(PUBLIC, private, kind="flip") for private in ("127.0.0.1", "169.254.169.254", "10.0.0.1")]
    outcomes = [attacker.fetch(f"http://{name}/ok") for name in islice(cycle(names), attacker.limit)]
    read = sum(outcome.text == "hello" for outcome in outcomes)
    attacker.expect(attacker.limit / 4 < read < attacker.limit * 3 / 4, f"{read} were read: the names do not flip")


def answers(attacker: Attacker) -> None:
    """Servers that lie, stall, drip, flood or compress: refused by one text, in time, and with nothing left behind."""
    paths = [*FIXED, *ENDLESS, *DRIPPED, *STALLING, "reset", "reset-in-body", "empty"][: attacker.limit]
    urls = [f"http://good.test/{path}" for path in paths]
    urls += [
        "http://x.silent.test/",
        "http://x.circle.test/",
        f"http://x.deaf.test:{network.DEAF_PORT}/",
        f"http://{network.DEAF[0]}:{network.DEAF_PORT}/",
    ]
    urls += ["https://good.test:8080/ok", "https://wrong.test/ok", f"https://{PUBLIC}/ok", "http://good.test:1/"]
    for url in urls:
        found = attacker.fetch(url)
        if found.seconds > DEADLINE_S + GRACE_S:  # once more: the machine may have been busy
            found = attacker.harmless(url)
        attacker.expect(found.seconds <= DEADLINE_S + GRACE_S, f"{url} took {found.seconds:.1f} s")
        expected = ANSWERED.get(url.rpartition("/")[2], "The URL could not be read.")
        attacker.expect(found.text.startswith(expected) and "Cookie" not in found.text, f"{url}: {found}")
    for seed in range(attacker.limit - len(paths)):
        found = attacker.fetch(f"http://good.test/made-up/{seed}")
        attacker.expect(found.seconds <= DEADLINE_S + GRACE_S, f"made up from {seed} took {found.seconds:.1f} s")
        readings = [None if body is None or len(body) > MAX_BYTES else body[:1000] for body in made_up(seed).readings]
        read = None if found.error in (ImageDecodeError, ImageTooLarge) else found.text.encode()
        attacker.expect(read in readings, f"made up from {seed}: {found}")
    sent = attacker.harmless("http://good.test/echo").text.split("\r\n")
    attacker.expect({line.partition(":")[0] for line in sent} == SENT, f"sent along: {sent}")
    found = attacker.harmless("https://secure.test/ok")
    attacker.expect(found.text == "hello", f"a true certificate: {found}")


def oracle(attacker: Attacker) -> None:
    """What had to be asked is refused alike, whether it is there, private, closed, or no image."""
    urls = ["http://nothing.none.test/", "http://good.test/missing", "http://good.test/reset", "http://good.test:1/"]
    urls += [f"http://{network.name_of(address)}{port}/ok" for address in ADDRESSES[:8] for port in ("", ":22", ":1")]
    seen = {(outcome.error, outcome.text) for outcome in map(attacker.fetch, urls)}
    attacker.expect(len(seen) == 1, f"told apart: {seen}")


def allowed_hosts(attacker: Attacker) -> None:
    """A list of hosts narrows what is read; it opens nothing."""
    for url, host, read in (
        ("http://good.test/ok", "good.test", True),
        ("http://GOOD.test./ok", "good.test", True),
        (f"http://{PUBLIC}/ok", "good.test", False),
        ("http://x.good.test/ok", "good.test", False),
        ("http://good.test.x/ok", "good.test", False),
        (f"http://good.test/to/302/1/{quote(f'http://{PUBLIC}/ok', safe='')}", "good.test", False),
        ("http://127.0.0.1/ok", "127.0.0.1", False),
        (f"http://{network.name_of('10.0.0.1')}/ok", network.name_of("10.0.0.1"), False),
    ):
        outcome = (attacker.harmless if read else attacker.fetch)(url, rules=UrlRules(allowed_hosts=(host,)))
        attacker.expect((outcome.text == "hello") is read, f"{url} with {host}: {outcome}")


def ports(attacker: Attacker) -> None:
    """Ports of a public server, in a URL and behind a redirect from an allowed one."""
    for port in (22, 8080, 81, 1, 65_535):
        for host in (PUBLIC, f"[{PUBLIC_6}]", "good.test"):
            for scheme in ("http", "https"):
                url = f"{scheme}://{host}:{port}/ok"
                found = attacker.refused(url, rules=UrlRules())
                attacker.expect(found.error is ImageSourceForbidden, f"{url}: {found}")
                attacker.refused(f"http://good.test/to/302/1/{quote(url, safe='')}", rules=UrlRules())
    attacker.refused("http://good.test:8080/ok", rules=UrlRules(private_hosts=(parse_private_host("cam.lan:8080"),)))
    for port, rules in ((80, UrlRules()), (8080, UrlRules(allowed_ports=(8080,)))):
        found = attacker.harmless(f"http://good.test:{port}/ok", rules=rules)
        attacker.expect(found.text == "hello", f"port {port}: {found}")


def own(attacker: Attacker) -> None:
    """Public addresses that this machine holds itself."""
    for address in network.OWN:
        host = f"[{address}]" if ":" in address else address
        for url in (f"http://{host}/ok", f"http://{network.name_of(address)}/ok"):
            attacker.refused(url)
            attacker.refused(f"http://good.test/to/302/1/{quote(url, safe='')}")
        attacker.refused(f"http://{network.name_of(PUBLIC, address)}/ok")
        attacker.refused(f"http://{network.name_of(address, kind='flip')}/ok")


def private_hosts(attacker: Attacker) -> None:
    """A host of the operator's own opens itself, with its port, and nothing else."""
    cam, metadata = network.name_of(PRIVATE), network.name_of("169.254.169.254")
    both, beside = network.name_of(PRIVATE, PRIVATE_6), network.name_of(PRIVATE, "127.0.0.1")
    for entries, url, read in (
        (f"{cam}", f"http://{cam}/ok", True),
        (f"{cam.upper()}.", f"http://{cam}./ok", True),
        (f"{both}:8080", f"http://{both}:8080/ok", True),
        (PRIVATE, f"http://{PRIVATE}/ok", True),
        ("10.1.0.0/16:8080", f"http://{PRIVATE}:8080/ok", True),
        ("10.1.0.0/16", f"http://{cam}/ok", True),
        ("10.1.0.0/16", "http://0x0a010207/ok", True),
        (PRIVATE_6, f"http://[{PRIVATE_6}]/ok", True),
        ("fd00:1::/32", f"http://[{PRIVATE_6}]/ok", True),
        (f"[{PRIVATE_6}]:8080", f"http://[{PRIVATE_6}]:8080/ok", True),
        (PRIVATE, f"http://{PRIVATE}/to/302/1/{quote('http://good.test/ok', safe='')}", True),
        (PRIVATE, f"http://good.test/to/302/1/{quote(f'http://{PRIVATE}/ok', safe='')}", True),
        ("", f"http://{PRIVATE}/ok", False),
        (f"{cam}:8080", f"http://{cam}/ok", False),
        (f"{cam}", f"http://{cam}:8080/ok", False),
        (f"{PRIVATE}:8080", f"http://{PRIVATE}/ok", False),
        (PRIVATE, f"http://{PRIVATE}:8080/ok", False),
        (PRIVATE, f"https://{PRIVATE}:22/ok", False),
        (PRIVATE, "http://10.1.2.8/ok", False),
        (PRIVATE, f"http://[::ffff:{PRIVATE}]/ok", False),
        (PRIVATE, f"http://{PRIVATE}/to/302/1/{quote('http://10.1.2.8/ok', safe='')}", False),
        (PRIVATE, f"http://{PRIVATE}/to/302/1/{quote(f'http://{PRIVATE}:8080/ok', safe='')}", False),
        (f"{cam}", f"http://{PRIVATE}/ok", False),
        (f"{cam}", f"http://x.{cam}/ok", False),
        (beside, f"http://{beside}/ok", False),
        (metadata, f"http://{metadata}/latest/meta-data/", False),
        (network.name_of("fd00:ec2::254"), f"http://{network.name_of('fd00:ec2::254')}/ok", False),
        (network.name_of("127.0.0.1"), f"http://{network.name_of('127.0.0.1')}/ok", False),
        ("localhost", "http://localhost/ok", False),
        ("0.0.0.0/1", f"http://{network.name_of(PRIVATE, 'fd00::1')}/ok", False),
        (PRIVATE, f"http://user:secret@{PUBLIC}/ok", False),
        (PRIVATE, f"http://user:secret@{PRIVATE}:8080/ok", False),
        (PRIVATE, f"http://{PRIVATE}@10.1.2.8/ok", False),
        (PRIVATE, f"http://{PRIVATE}/to/302/1/{quote('http://user:secret@good.test/ok', safe='')}", False),
    ):
        rules = UrlRules(private_hosts=tuple(map(parse_private_host, filter(None, [entries]))))
        outcome = (attacker.harmless if read else attacker.fetch)(url, rules=rules)
        attacker.expect((outcome.text == "hello") is read, f"{url} with {entries}: {outcome}")
        attacker.expect("secret" not in outcome.text, f"{url} with {entries}: {outcome}")
    rules = UrlRules(private_hosts=(parse_private_host(PRIVATE),), allowed_hosts=("good.test",))
    found = attacker.harmless(f"http://us%40er:sec%3Aret@{PRIVATE}/echo", rules=rules)
    attacker.expect("Authorization: Basic dXNAZXI6c2VjOnJldA==" in found.text, f"user and password: {found}")
    onward = quote("http://good.test/echo", safe="")
    found = attacker.harmless(f"http://user:secret@{PRIVATE}/to/302/1/{onward}", rules=rules)
    attacker.expect("Host: good.test" in found.text and "Authorization" not in found.text, f"sent on: {found}")


def _left_behind(before: tuple[int, int, int]) -> Iterator[str]:
    """What was not there before the attack; what ends by itself is given the time to."""
    end = time.monotonic() + LEFT_AFTER_S
    while time.monotonic() < end and any(now > then for now, then in zip(_held()[:2], before, strict=False)):
        time.sleep(0.1)
    for name, then, now, allowed in zip(
        ("threads", "descriptors", "MB"), before, _held(), (0, 0, MEMORY_MB), strict=True
    ):
        if now > then + allowed:
            yield f"{now - then} more {name} than before"


def _held() -> tuple[int, int, int]:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return threading.active_count(), len(os.listdir("/proc/self/fd")), pages * os.sysconf("SC_PAGE_SIZE") >> 20


def main(attack: str, guard_name: str, tries: str) -> None:
    prepare_process(Settings())
    os.environ["http_proxy"] = os.environ["https_proxy"] = "http://10.0.0.1:80"
    guard.FETCH_TIMEOUT_S, guard.CONNECT_TIMEOUT_S = DEADLINE_S, DEADLINE_S / 3
    network.enter()
    with tempfile.TemporaryDirectory() as folder:
        module, _, function = guard_name.partition(":")
        fetch = getattr(importlib.import_module(module), function)
        attacker = Attacker(fetch, network.start(Path(folder)), int(tries))
        attacker.harmless("http://good.test/ok")  # what is imported or cached at the first use
        before = _held()
        globals()[attack](attacker)
        attacker.breaches += _left_behind(before)
        attacker.look_for_hits("what went on after its URL had been refused reached")
    print(json.dumps({"tries": attacker.tries, "breaches": attacker.breaches}))


if __name__ == "__main__":
    main(*sys.argv[1:])
