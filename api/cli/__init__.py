"""The command `face-service`: one module per group of commands, imported after the process is prepared."""

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
from typing_extensions import override

from core import __version__
from core.process import prepare_process
from core.settings import SettingsError, load_settings

if TYPE_CHECKING:
    from flask import Flask

# Where each command is defined. These modules read the environment when they are imported.
_COMMANDS = {
    "weights": "api.cli.weights:weights",
    "index": "api.cli.index:index",
    "gallery": "api.cli.gallery:gallery",
    "import": "api.cli.imports:imports",
    "keys": "api.cli.keys:keys",
    "audit": "api.cli.audit:audit",
    "db": "api.cli.gallery:database",
    "backup": "api.cli.backup:backup",
    "restore": "api.cli.backup:restore",
    "doctor": "api.cli.doctor:doctor",
    "demo": "api.cli.demo.command:demo",
}


class _Commands(click.Group):
    """The group's own commands and those of `_COMMANDS`, imported on first use."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_COMMANDS]

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        prepare_process(load_settings())
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command


@click.group("face-service", cls=_Commands)
@click.version_option(__version__)
def face_service() -> None:
    """Run and manage the face recognition service. Settings come from the environment and from .env."""


@face_service.command("serve")
def serve_command() -> None:
    """Serve HTTP with gunicorn."""
    serve()


def serve() -> NoReturn:
    """Replace this process with gunicorn."""
    root = str(Path(__file__).parents[2])  # for a service that is started by its path and is not installed
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "gunicorn", "--config", "python:api.server", "main:app"]
    os.execv(sys.executable, command)  # noqa: S606  # no shell is needed


def main() -> None:
    """Run the command line."""
    from flask.cli import ScriptInfo  # importing Flask takes longer than answering `--version`

    try:
        face_service.main(prog_name="face-service", obj=ScriptInfo(create_app=_create_app))
    except SettingsError as error:
        sys.exit(f"The service cannot start. {error}")


def _create_app() -> "Flask":
    from api.factory import create_app  # after the process is prepared

    return create_app()
