"""The command line of the photo folder: `flask --app main index …`."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import click
from flask.cli import AppGroup

from api.context import services
from core.exceptions import ServiceError
from schemas.common import Alignment, DetectionMethod, DetectorName, EmbeddingOptions, ModelName, Normalization
from services.find.deepface_import.pickles import UnreadablePickle

index = AppGroup("index", help="The indexes of the photo folder, FACES_DB_PATH.")

Options = tuple[Callable[[Callable[..., None]], Callable[..., None]], ...]

_OPTIONS: Options = (
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


# How faces are searched and cut out in ways that DeepFace does not have.
_WAYS: Options = (
    click.option("--alignment", type=click.Choice(get_args(Alignment)), help="Else DEFAULT_ALIGNMENT."),
    click.option("--detection", type=click.Choice(get_args(DetectionMethod)), help="Else DETECTION."),
)


def with_options(options: Options, command: Callable[..., None]) -> Callable[..., None]:
    """The command with these options, in this order."""
    return functools.reduce(lambda decorated, option: option(decorated), reversed(options), command)


def with_embedding_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say how faces are embedded, by the names of the fields of `EmbeddingOptions`."""
    return with_options((*_OPTIONS, *_WAYS), command)


def with_deepface_options(command: Callable[..., None]) -> Callable[..., None]:
    """Those of `with_embedding_options` that DeepFace has too."""
    return with_options(_OPTIONS, command)


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
@with_deepface_options
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
