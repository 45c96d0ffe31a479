"""An application with default settings, for the pages about its routes."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask

from api.factory import create_app
from core.settings import Settings


@cache
def application(**settings: Any) -> Flask:
    """Return an application with these settings."""
    with TemporaryDirectory() as folder:
        return create_app(Settings(_env_file=None, data_path=Path(folder), **settings))
