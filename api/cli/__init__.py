"""The command `face-service`: one file a group of commands, each loaded once the process is prepared."""

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
from typing_extensions import override

from core import __version__
from core.config import SettingsError, load_settings
from core.process import prepare_process

if TYPE_CHECKING:
    from flask import Flask

# Where each command is; what it imports reads the environment at import.
_COMMANDS = {
    "weights": "api.cli.weights:weights",
    "index": "api.cli.index:index",
    "gallery": "api.cli.gallery:gallery",
    "keys": "api.cli.keys:keys",
    "audit": "api.cli.audit:audit",
    "db": "api.cli.gallery:database",
    "doctor": "api.cli.doctor:doctor",
}


class _Commands(click.Group):
    """Its own commands, and those of `_COMMANDS` once they are asked for."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_COMMANDS]

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        _prepare()
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command


@click.group("face-service", cls=_Commands)
@click.version_option(__version__)
def face_service() -> None:
    """Serve and manage the face-recognition service. Settings come from the environment and from .env."""


@face_service.command("serve")
def serve_command() -> None:
    """Serve HTTP with gunicorn."""
    serve()


def serve() -> NoReturn:
    """Have gunicorn take the place of this process."""
    root = str(Path(__file__).parents[2])  # whoever starts it by its path has not installed it
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "gunicorn", "--config", "python:api.server", "main:app"]
    os.execv(sys.executable, command)  # noqa: S606  # no shell is needed


def main() -> None:
    """Run the command line."""
    from flask.cli import ScriptInfo  # Flask takes longer to import than `--version` to answer

    face_service.main(prog_name="face-service", obj=ScriptInfo(create_app=_create_app))


def _create_app() -> "Flask":
    from api.factory import create_app

    try:
        return create_app()
    except SettingsError as error:
        sys.exit(f"The service cannot start. {error}")


def _prepare() -> None:
    try:
        prepare_process(load_settings())
    except SettingsError as error:
        sys.exit(f"The service cannot start. {error}")
