"""Known vulnerabilities of the pinned packages, where pip-audit is installed and its database can be asked."""

import importlib.util
import json
import subprocess
import sys

import pytest

from tests.conftest import PROJECT

PATIENCE_S = 300
VULNERABLE = "jinja2==2.10"  # CVE-2019-10906 and others

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("pip_audit"), reason="pip-audit is not installed")


def audited(requirements):
    """What is known of each package, as pip-audit's JSON says it; {} where nothing can be asked."""
    command = [sys.executable, "-m", "pip_audit", "-r", str(requirements), "--no-deps", "--disable-pip"]
    try:
        result = subprocess.run(
            [*command, "--format", "json", "--progress-spinner", "off"],
            capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        return {package["name"]: package for package in json.loads(result.stdout)["dependencies"]}
    except (subprocess.TimeoutExpired, ValueError):
        return {}


def test_no_pinned_package_has_a_known_vulnerability(tmp_path):
    (tmp_path / "vulnerable.txt").write_text(VULNERABLE)
    if not audited(tmp_path / "vulnerable.txt").get("jinja2", {}).get("vulns"):
        pytest.skip("there is no database of vulnerabilities to be asked")
    packages = {}
    for requirements in PROJECT.glob("requirements*.txt"):
        found = audited(requirements)
        assert found, requirements.name
        packages |= found
    assert not {name: package["vulns"] for name, package in packages.items() if package.get("vulns")}
    unknown = {name: package["skip_reason"] for name, package in packages.items() if "skip_reason" in package}
    assert not unknown
