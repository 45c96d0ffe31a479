"""The command line of the models and the photo folder: `flask --app main weights …` and `flask --app main index …`."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import click
from flask.cli import AppGroup

from api.deps import services
from core.exceptions import ServiceError
from schemas.common import DetectorName, EmbeddingOptions, ModelName, Normalization
from services.models import FetchError, UnknownModel
from services.pickled_index import UnreadablePickle

weights = AppGroup("weights", help="The model files on this machine.")

index = AppGroup("index", help="The indexes of the photo folder, FACES_DB_PATH.")

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


_OPTIONS: tuple[Callable[[Callable[..., None]], Callable[..., None]], ...] = (
    click.option(
        "--model", "model_name", type=click.Choice(get_args(ModelName)), help="Recognition model, else DEFAULT_MODEL."
    ),
    click.option(
        "--detector", "detector_backend", type=click.Choice(get_args(DetectorName)), help="Else DEFAULT_DETECTOR."
    ),
    click.option("--normalization", type=click.Choice(get_args(Normalization)), help="Else DEFAULT_NORMALIZATION."),
    click.option("--align/--no-align", default=None, help="Else DEFAULT_ALIGN."),
    click.option("--expand-percentage", type=click.IntRange(0, 100), help="Else DEFAULT_EXPAND_PERCENTAGE."),
)


def with_embedding_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say how faces are embedded, by the names of the fields of `EmbeddingOptions`."""
    return functools.reduce(lambda decorated, option: option(decorated), reversed(_OPTIONS), command)


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is moved by how many of how many are done."""
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield show


@index.command("build")
@with_embedding_options
def build_index(**options: Any) -> None:
    """Embed the photos that the index for these options does not have yet, ahead of the first request."""
    wanted = EmbeddingOptions.model_validate(options)
    with progress_bar("Embedding") as show:
        try:
            status = services().indexes.build(wanted, show)
        except ServiceError as error:
            raise click.ClickException(error.message) from None
        show(1, 1)
    failed = "".join(f", {count} {reason}" for reason, count in status.failed.items())
    click.echo(f"{status.photos} photos, {status.faces} faces{failed}; {status.pending} pending")


@index.command("prune")
def prune_indexes() -> None:
    """Remove from all indexes the photos that the folder does not show any more, even if it shows none."""
    try:
        removed = services().indexes.prune()
    except ServiceError as error:
        raise click.ClickException(error.message) from None
    except OSError as error:
        raise click.ClickException(f"An index could not be saved: {error.strerror}.") from None
    click.echo(f"{removed} photos removed from the indexes")


@index.command("import-pkl")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_embedding_options
def import_pickle(file: Path, **options: Any) -> None:
    """Take over FILE, an index that DeepFace up to 0.0.101 left in the photo folder, without embedding again.

    Its name says which model, detector and so on made it; the options do where it was renamed.
    """
    try:
        taken, remaining = services().indexes.import_pickle(file, options)
    except ServiceError as error:
        raise click.ClickException(error.message) from None
    except UnreadablePickle as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"Nothing was taken over: {error.strerror}.") from None
    click.echo(f"{taken} photos taken over; {remaining} to be embedded")
