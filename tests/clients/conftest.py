"""Everything in this folder needs tools that `make test-clients` installs in an environment of their own."""

import os
from pathlib import Path

import pytest

TOOLS = Path(os.environ.get("CLIENT_TOOLS", "/nowhere"))


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and not TOOLS.is_dir():
            item.add_marker(pytest.mark.skip(reason="the tools are not installed; make test-clients"))
