"""What pip finds wrong in an environment that was made from the requirements files."""

import re
import subprocess
import sys

from tests.conftest import PROJECT


def assert_only_installed_without_dependencies_is_broken(report: str) -> None:
    """Assert that `pip check` named each package of requirements-nodeps.txt, and no other."""
    pins = re.findall(r"^([\w.-]+)==(\S+)", (PROJECT / "requirements-nodeps.txt").read_text(), re.MULTILINE)
    assert pins
    broken = re.findall(r"^(\S+) (\S+) (?:has requirement|requires) ", report, re.MULTILINE)
    assert set(broken) == set(pins), report


def test_pip_finds_no_other_package_broken_than_those_installed_without_their_dependencies():
    check = [sys.executable, "-m", "pip", "--disable-pip-version-check", "check"]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert all(re.search(r" (?:has requirement|requires) ", line) for line in lines), result.stdout
    assert_only_installed_without_dependencies_is_broken(result.stdout)
