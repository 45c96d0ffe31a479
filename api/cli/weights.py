"""The commands of the models: `face-service weights …`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from typing_extensions import override

from api.cli.options import ReportingGroup, disk_errors, progress_bar
from api.context import services

_MEGABYTE = 1_000_000


class _WeightsGroup(ReportingGroup):
    """A group whose commands all read or write files."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        with disk_errors("A file cannot be read or written"):
            return super().invoke(ctx)


weights = _WeightsGroup("weights", help="The model files on this machine.")

_names = click.argument("names", nargs=-1, metavar="MODEL...")
_preset = click.option("--preset", help="Add the models of this preset.")


def _chosen(names: tuple[str, ...], preset: str | None) -> list[str]:
    chosen = [*names, *(services().models.manager.of_preset(preset) if preset else [])]
    if not chosen:
        raise click.UsageError("Name at least one model, or use --preset.")
    return chosen


@weights.command("list")
def list_weights() -> None:
    """List every model with its status, size, commercial use and files."""
    for row in services().models.manager.rows():
        needs = ", ".join(row.files) or "-"
        packages = f"  ({note})" if (note := row.package or row.problem) else ""
        size = "-" if not row.files else "?" if row.size is None else f"{row.size / _MEGABYTE:.1f} MB"
        state = "ok" if row.installed else "missing"
        click.echo(f"{state:8}{row.task:12}{row.name:14}{size:>9}  {row.commercial_use:8} {needs}{packages}")


@weights.command("fetch")
@_names
@_preset
def fetch_weights(names: tuple[str, ...], preset: str | None) -> None:
    """Download missing or damaged files. Interrupted downloads resume."""
    files = services().models.manager.to_fetch(_chosen(names, preset))
    for file in files:
        with progress_bar(file.name) as show:
            services().models.manager.fetch(file, _where_known(show))
        click.echo(f"{file.name}: done")
    if not files:
        click.echo("Nothing to fetch.")


def _where_known(show: Callable[[int, int], None]) -> Callable[[int, int | None], None]:
    """Progress is shown only if the source states the size."""
    return lambda done, total: show(done, total) if total else None


@weights.command("verify")
@_names
def verify_weights(names: tuple[str, ...]) -> None:
    """Read every byte of the files on this machine, or of the named models.

    Ends with 1 if a file is damaged or missing.
    """
    wrong: list[str] = []
    for file in services().models.manager.verify(names):
        click.echo(f"wrong   {file.problem}" if file.problem else f"{'ok' if file.is_here else 'missing':8}{file.name}")
        if (file.problem or not file.is_here) and file.model not in wrong:
            wrong.append(file.model)
    if wrong:
        raise click.ClickException(f"Files are damaged or missing. Run: face-service weights fetch {' '.join(wrong)}")


@weights.command("accept")
@_names
def accept_weights(names: tuple[str, ...]) -> None:
    """Trust the local files even if they differ from the published checksums.

    Use it for weights of your own.
    """
    for name in services().models.manager.accept(_chosen(names, None)):
        click.echo(f"{name}: accepted")


@weights.command("bundle")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_names
@_preset
def bundle_weights(file: Path, names: tuple[str, ...], preset: str | None) -> None:
    """Write the files of the named models to one archive, FILE, for a machine without internet access."""
    with progress_bar("Bundling") as show:
        written = services().models.manager.bundle(file, _chosen(names, preset), show)
    click.echo(f"{len(written)} files: {', '.join(written)}")


@weights.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_weights(file: Path) -> None:
    """Install the files of an archive from `weights bundle`, after checking all of them."""
    with progress_bar("Importing") as show:
        taken = services().models.manager.import_bundle(file, show)
    click.echo(f"{len(taken)} files: {', '.join(taken)}")
