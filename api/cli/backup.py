"""The commands of backups: `face-service backup` and `face-service restore`."""

from pathlib import Path

import click
from flask.cli import with_appcontext

from api.cli.options import ReportingCommand, disk_errors
from api.context import services


@click.command("backup", cls=ReportingCommand)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_appcontext
def backup(file: Path) -> None:
    """Back up the gallery in SQLite, the photo indexes and the state of DATA_PATH to FILE.

    The service may run meanwhile. FILE has every change that was answered before this command. Only its owner can read
    it. It is encrypted if GALLERY_KEY is set.
    """
    with disk_errors("The backup cannot be written"):
        manifest = services().backup.creation.create(file)
    click.echo(f"Backup of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC written, {len(manifest.members)} files")


@click.command("restore", cls=ReportingCommand)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--reapply-forgets/--no-reapply-forgets", default=True, help="Delete again what was deleted since.")
@click.option("--keep-old", is_flag=True, help="Keep the replaced files in DATA_PATH/replaced-TIME.")
@with_appcontext
def restore(file: Path, reapply_forgets: bool, keep_old: bool) -> None:
    """Restore FILE, a backup. The service may run meanwhile, and notices.

    The whole file is checked before anything is changed. Persons and faces that were deleted since are deleted again,
    by DATA_PATH/forgets.log. After a crash, run the command again.
    """
    with disk_errors("The backup cannot be restored"):
        done = services().backup.restoration.restore(file, reapplies=reapply_forgets, keeps_old=keep_old)
    click.echo(f"Backup of {done.taken_at:%Y-%m-%d %H:%M:%S} UTC restored")
    if done.reapplied is None:
        click.echo("Persons and faces that were deleted since may be back.")
    else:
        click.echo(f"{done.reapplied} persons and faces deleted again")
    if done.kept:
        click.echo(f"The replaced files are in DATA_PATH/{done.kept}.")
