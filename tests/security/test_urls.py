"""Hostile URLs against core/images/fetch.py, on an internet of their own; and each against a guard that is weaker."""

import json
import subprocess
import sys

import pytest

from tests.conftest import PROJECT

# The attack; where that is a choice, how often in every run and by `make attack`; and how often against the twin, which
# has no deadline to end it.
ATTACKS = {
    "addresses": ("URLs: 66 forbidden addresses, each as a host, by name and by redirect", 0, 0, 0),
    "spellings": ("URLs: spellings that readers disagree on", 0, 0, 0),
    "redirects": ("URLs: redirects 301 to 308, 1 to 4 deep, to forbidden places", 0, 0, 0),
    "mixed": ("URLs: names with public and private answers", 0, 0, 0),
    "rebinding": ("URLs: names that answer something else each time", 500, 20_000, 20),
    "answers": ("URLs: answers that are slow, endless, compressed or lie", 50, 620, 20),
    "oracle": ("URLs: telling refusals apart", 0, 0, 0),
    "allowed_hosts": ("URLs: ways around `URL_ALLOWED_HOSTS`", 0, 0, 0),
    "ports": ("URLs: ports other than 80 and 443", 0, 0, 0),
    "own": ("URLs: public addresses that the machine itself holds", 0, 0, 0),
    "private_hosts": ("URLs: ways from a host of `URL_PRIVATE_HOSTS` to others", 0, 0, 0),
}


# Of each check of the attacks one that fails it, and what has to be said then.
NOTICED = {
    "knocking": ("addresses", 0, ["'http://10.0.0.1/ok' reached 10.0.0.1", "'http://[fd00::1]/ok' reached fd00::1"]),
    "knocking_later": ("allowed_hosts", 0, ["what went on after its URL had been refused reached 10.0.0.1"]),
    "careless": ("answers", 3, ["/missing took 2.", " more threads than", " more descriptors than", " more MB than"]),
}

INSIDE = ["unshare", "--net", "--mount"]


def makes_namespaces(command):
    """Whether a namespace can be made here, and `command` run in it."""
    try:
        return subprocess.run([*INSIDE, *command], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def run():
    if not makes_namespaces(["ip", "link", "set", "lo", "up"]):
        pytest.skip("needs root, unshare and ip to make namespaces")

    def run(attack, guard, tries):
        command = [*INSIDE, sys.executable, "-m", "tests.security.url_attacks", attack, guard, str(tries)]
        result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=900, check=False)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run


@pytest.mark.parametrize("name", ATTACKS)
def test_no_url_gets_past_the_guard(name, run, attack, cases):
    title, quick, full, _ = ATTACKS[name]
    attack(title, **run(name, "core.images.fetch:fetch", cases(quick, full)))


@pytest.mark.parametrize("name", ATTACKS)
def test_a_weaker_guard_lets_urls_through(name, run, attack):
    title, _, _, tries = ATTACKS[name]
    attack(title, **run(name, "tests.security.weak_fetch:fetch", tries), twin=True)


@pytest.mark.parametrize("guard", NOTICED)
def test_each_check_can_fail(guard, run, attack):
    name, tries, said = NOTICED[guard]
    attack(ATTACKS[name][0], **run(name, f"tests.security.weak_fetch:{guard}", tries), twin=True, noticing=said)


def test_without_the_programs_it_is_skipped_with_a_reason(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not makes_namespaces(["true"])
