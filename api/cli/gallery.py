"""The commands of the gallery and its database: `face-service gallery …` and `face-service db …`."""

from copy import copy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from api.cli.imports import register_people
from api.cli.options import (
    ReportingGroup,
    collection_name,
    disk_errors,
    progress_bar,
    say,
    with_embedding_options,
    with_enrolment_options,
)
from api.context import services
from schemas.common import EmbeddingOptions
from schemas.fields import COLLECTION

_MEGABYTE = 1_000_000

gallery = ReportingGroup("gallery", help="The persons and faces of the gallery.")

database = ReportingGroup("db", help="The gallery's database, DATABASE_URL.")


@database.command("upgrade")
def upgrade() -> None:
    """Create or upgrade the schema of the database. The start does this too, unless AUTO_MIGRATE=false."""
    services().gallery.maintenance.upgrade()
    click.echo("The database has the newest schema.")


@database.command("reapply-forgets")
@click.argument("logs", nargs=-1, metavar="[LOG]...", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def reapply_forgets(logs: tuple[Path, ...]) -> None:
    """Delete again what a restored backup of the database brought back.

    Reads DATA_PATH/forgets.log. LOG is the log of another machine. Run it before the service starts on the restored
    database. `face-service restore` does this itself.
    """
    with disk_errors("A log cannot be read"):
        count = services().gallery.reapplication.reapply(logs)
    click.echo(f"{count} persons and faces deleted again")


@gallery.command("stats")
def show_statistics() -> None:
    """Count persons and faces per collection, model and options."""
    found = services().gallery.maintenance.statistics()
    size = f"{found.size_bytes / _MEGABYTE:.1f} MB"
    click.echo(f"{sum(found.persons.values())} persons, {found.faces} faces, {size}")
    for collection, persons in found.persons.items():
        click.echo(f"{collection}: {persons} persons")
        for (within, space), faces in found.faces_by_space.items():
            if within == collection:
                say(f"  {faces} faces: {', '.join(f'{name} {value}' for name, value in asdict(space).items())}")


def _hidden(command: click.Command, name: str) -> click.Command:
    """The command under another name, which --help does not list."""
    alias = copy(command)
    alias.name, alias.hidden = name, True
    return alias


@gallery.command("enroll")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--collection", default=COLLECTION, callback=collection_name, help=f"Collection. Default: {COLLECTION}.")
@with_enrolment_options
def enrol(folder: Path, collection: str, **options: Any) -> None:
    """Register the photos of FOLDER, which has one folder per person.

    The name of a person's folder is the person's name. Run the command again after a crash or with more photos. Photos
    that are already registered are skipped. Deleted faces are not registered again.
    """
    register_people(folder, collection, options)


# The former name of the command, for existing scripts.
gallery.add_command(_hidden(enrol, "enrol"))


@gallery.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export(file: Path) -> None:
    """Export all persons, faces, embeddings and face images to FILE.

    Only its owner can read FILE. Any gallery can import it. FILE is not encrypted, even if GALLERY_KEY is set.
    """
    with disk_errors("The file cannot be written"):
        persons, faces = services().gallery.archive.export(file)
    click.echo(f"{persons} persons, {faces} faces exported")


@gallery.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def load(file: Path) -> None:
    """Import the persons of FILE that this gallery does not have.

    A person whose name is another spelling of a name in this gallery gives its faces to that person.
    FILE comes from `gallery export`. The whole file is checked before anything is stored. Run the command again after a
    crash.
    """
    done = services().gallery.archive.load(file)
    for theirs, ours in done.joined.items():
        say(f"{theirs}: the name is another spelling of a name here: the faces were added to {ours}")
    for name in done.refused:
        say(f"{name}: another person has the name or one of the faces")
    for person_id, reason in done.invalid.items():
        say(f"{person_id}: {reason}")
    refused = len(done.refused) + len(done.invalid)
    joined = f"{len(done.joined)} added to others, " if done.joined else ""
    say(f"{done.stored} persons imported, {joined}{done.known} already present, {refused} refused")


@gallery.command("copy-to-pgvector")
@click.option("--collection", default=COLLECTION, callback=collection_name, help=f"Collection. Default: {COLLECTION}.")
@click.option(
    "--database",
    "url",
    envvar="FACE_EMBEDDINGS_URL",
    show_envvar=True,
    default="",
    help="postgresql://…; default: DATABASE_URL. Set a URL with a password in the variable.",
)
@click.option("--table", default="face_embeddings", show_default=True, metavar="[SCHEMA.]NAME")
@with_embedding_options
def copy_to_pgvector(url: str, table: str, collection: str, **options: Any) -> None:
    """Copy the faces of a collection, embedded with these options, to a table of your own.

    Create the table with deploy/face_embeddings.sql. The user must own the table. The table is not encrypted. Run the
    command again to write changed rows and remove deleted faces. Rows from other sources stay unchanged.
    """
    wanted = EmbeddingOptions.model_validate(options)
    done = services().gallery.table_copy.copy(url=url, table=table, collection=collection, options=wanted)
    click.echo(f"{done.written} faces written, {done.unchanged} unchanged, {done.removed} removed")


@gallery.command("rotate-key")
def rotate_key() -> None:
    """Encrypt the gallery and the photo indexes with the first key of GALLERY_KEY.

    This includes data that another key encrypted, and data that is not encrypted. Set GALLERY_KEY=NEW,OLD, restart the
    service, run this command, and set GALLERY_KEY=NEW. The service can keep running. After a crash, run the command
    again. In PostgreSQL, run `gallery purge` to erase the previous face images from the files.
    """
    with progress_bar("Encrypting") as show:
        faces = services().gallery.key_rotation.rotate(show)
        show(1, 1)
    indexes_left = services().find.indexes.reencrypt()
    click.echo(f"{faces} faces encrypted with the first key; no other key is in use")
    if indexes_left:
        raise click.ClickException(
            f"{indexes_left} indexes are being built or cannot be written. Run the command again."
        )


@gallery.command("expire")
def expire() -> None:
    """Delete persons past their retain_until date."""
    click.echo(f"{services().gallery.maintenance.expire()} persons deleted")


@gallery.command("merge-twins")
@click.option("--dry-run", is_flag=True, help="List the persons without merging them.")
def merge_twins(dry_run: bool) -> None:
    """Merge persons of a collection whose names differ only in their spelling.

    Earlier versions registered several persons for one visible name, for example with another code for its accent.
    The person who was registered first gets the faces of the others, who are deleted. Labels and metadata are merged.
    Persons whose retain_until dates differ are left: merge them with POST /persons/ID/merge.
    """
    total = left = 0
    for twins in services().gallery.maintenance.merge_twins(dry_run=dry_run):
        total += 1
        left += bool(twins.problem)
        listed = ", ".join(f"{person.name} ({person.id}, {person.faces} faces)" for person in twins.persons)
        say(f"{twins.persons[0].collection}: {listed}{f': {twins.problem}' if twins.problem else ''}")
    say(f"{total} names of several persons" if dry_run else f"{total - left} names merged, {left} left")
    if left:
        raise click.exceptions.Exit(1)


@gallery.command("purge")
def purge() -> None:
    """Erase deleted data from the database files.

    Prints the result of each step. In PostgreSQL, the command rewrites the tables and overwrites the write-ahead log
    (WAL). Requests that need the tables wait or answer 503 meanwhile. Backups, replicas and archived WAL files keep
    their data. In SQLite, deleting already overwrites the data. The command truncates the WAL if other connections were
    still reading it.
    """
    for name, outcome in services().gallery.maintenance.purge().items():
        click.echo(f"{name}: {outcome}")
