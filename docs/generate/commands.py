"""The page of commands."""

from collections.abc import Iterator

import click

from api.cli import face_service


def commands() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "The command is `.venv/bin/face-service`, or `face-service` in the activated environment and the container."
    yield ""
    with click.Context(face_service, info_name="face-service") as context:
        for name in face_service.list_commands(context):
            command = face_service.get_command(context, name)
            if command is not None and not command.hidden:
                yield from _command(command, context, f"face-service {name}")


def _command(command: click.Command, parent: click.Context, path: str) -> Iterator[str]:
    with click.Context(command, info_name=path.rsplit(maxsplit=1)[-1], parent=parent) as context:
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                if inner is not None and not inner.hidden:
                    yield from _command(inner, context, f"{path} {name}")
            return
        yield f"## {path}"
        yield ""
        yield "```text"
        yield from command.get_help(context).splitlines()
        yield "```"
        yield ""
