"""Hostile URLs against core/fetch.py, on an internet of their own; and each attack against a guard that is weaker."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

# The attack; where that is a choice, how often in every run and by `make attack`; and how often against the twin, which
# has no deadline to end it.
ATTACKS = {
    "addresses": ("URLs: forbidden addresses", 0, 0, 0),
    "spellings": ("URLs: spellings", 0, 0, 0),
    "redirects": ("URLs: redirects", 0, 0, 0),
    "mixed": ("URLs: mixed answers of a name", 0, 0, 0),
    "rebinding": ("URLs: rebinding names", 500, 20_000, 20),
    "answers": ("URLs: slow, endless, lying answers", 50, 620, 20),
    "oracle": ("URLs: telling refusals apart", 0, 0, 0),
    "allowed_hosts": ("URLs: around URL_ALLOWED_HOSTS", 0, 0, 0),
}


@pytest.fixture(scope="module")
def run():
    inside = ["unshare", "--net", "--mount"]
    if subprocess.run([*inside, "ip", "link", "set", "lo", "up"], capture_output=True, check=False).returncode:
        pytest.skip("needs root, unshare and ip to make namespaces")

    def run(attack, module, tries):
        command = [*inside, sys.executable, "-m", "tests.security.url_attacks", attack, module, str(tries)]
        result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=900, check=False)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run


@pytest.mark.parametrize("name", ATTACKS)
def test_no_url_gets_past_the_guard(name, run, attack, cases):
    title, quick, full, _ = ATTACKS[name]
    attack(title, **run(name, "core.fetch", cases(quick, full)))


@pytest.mark.parametrize("name", ATTACKS)
def test_a_weaker_guard_lets_urls_through(name, run, attack):
    title, _, _, tries = ATTACKS[name]
    attack(title, **run(name, "tests.security.weak_fetch", tries), twin=True)
