"""The commands of the photo folder: `face-service index …`."""

from pathlib import Path
from typing import Any

import click

from api.cli.options import ReportingGroup, disk_errors, progress_bar, with_deepface_options, with_embedding_options
from api.context import services
from schemas.common import EmbeddingOptions
from schemas.find import IndexesQuery

index = ReportingGroup("index", help="The indexes of the photo folder, FACES_DB_PATH.")


@index.command("build")
@click.option("--report", is_flag=True, help="Also print each photo without a face in the index, with the reason.")
@with_embedding_options
def build_index(report: bool, **options: Any) -> None:
    """Embed the photos that the index for these options lacks. The index is kept permanently."""
    wanted = EmbeddingOptions.model_validate(options)
    with progress_bar("Embedding") as show:
        status = services().find.indexes.build(wanted, show, report=report)
        show(1, 1)
    for failure in status.failures or ():
        click.echo(f"{_printable(failure.photo)}: {failure.reason}")
    failed = "".join(f", {count} {reason}" for reason, count in status.failed.items())
    click.echo(f"{status.photos} photos, {status.faces} faces{failed}; {status.pending} pending")


@index.command("list")
def list_indexes() -> None:
    """List the indexes with their names for FIND_SPACES. An index marked * is deleted when requests build too many."""
    for status in services().find.indexes.overview(IndexesQuery()).indexes:
        mark = "" if status.permanent else " *"
        click.echo(f"{status.name}{mark}: {status.photos} photos, {status.faces} faces, {status.state}")


@index.command("prune")
def prune_indexes() -> None:
    """Remove from all indexes the photos that are no longer in the folder, even if it is empty."""
    with disk_errors("An index could not be saved"):
        removed = services().find.indexes.prune()
    click.echo(f"{removed} photos removed from the indexes")


@index.command("import-pkl")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_deepface_options
def import_pickle(file: Path, **options: Any) -> None:
    """Import FILE, an index of DeepFace 0.0.101 or older in the photo folder, without embedding again.

    The file name states the model, the detector and the other options. If the file was renamed, pass the options.
    """
    with disk_errors("Nothing was imported"):
        taken, remaining = services().find.indexes.import_pickle(file, options)
    click.echo(f"{taken} photos imported; {remaining} left to embed")


def _printable(name: str) -> str:
    """The name on one line: a file name may have line ends and control characters."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in name)
