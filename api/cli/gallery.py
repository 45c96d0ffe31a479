"""The command line of the gallery: `face-service gallery …` and `face-service db …`."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from api.cli.options import (
    ReportingGroup,
    collection_name,
    disk_errors,
    progress_bar,
    with_embedding_options,
    with_options,
)
from api.context import services
from schemas.common import EmbeddingOptions
from schemas.fields import COLLECTION
from schemas.gallery import EnrolmentOptions

_MEGABYTE = 1_000_000

_ENROLMENT = (
    click.option(
        "--on-duplicate",
        type=click.Choice(["allow", "reject", "merge"]),
        default="allow",
        show_default=True,
        help="What becomes of a face that somebody else has.",
    ),
    click.option(
        "--face-policy",
        type=click.Choice(["single", "largest"]),
        default="single",
        show_default=True,
        help="Whether a photo of several faces is refused, or its largest face taken.",
    ),
    click.option("--max-faces", type=click.IntRange(1, 10_000), help="Look at so many at most, largest first."),
    click.option("--min-quality", type=click.FloatRange(0, 1), help="Refuse photos below it, as /quality measures."),
    click.option("--anti-spoofing", is_flag=True, help="Refuse faces that do not look like live ones."),
    click.option("--store-crop", is_flag=True, help="Keep the picture of each face as well."),
)

gallery = ReportingGroup("gallery", help="The persons and faces of the gallery.")

database = ReportingGroup("db", help="The gallery's database, DATABASE_URL.")


@database.command("upgrade")
def upgrade() -> None:
    """Bring the database to the newest schema, ahead of the first request."""
    services().gallery.maintenance.upgrade()
    click.echo("The database has the newest schema.")


@gallery.command("stats")
def show_statistics() -> None:
    """Count persons and faces, by collection and by how the faces were embedded."""
    found = services().gallery.maintenance.statistics()
    size = f"{found.size_bytes / _MEGABYTE:.1f} MB"
    click.echo(f"{sum(found.persons.values())} persons, {sum(found.faces.values())} faces, {size}")
    for collection, persons in found.persons.items():
        click.echo(f"{collection}: {persons} persons")
        for (within, space), faces in found.faces.items():
            if within == collection:
                click.echo(f"  {faces} faces: {', '.join(f'{name} {value}' for name, value in asdict(space).items())}")


def with_enrolment_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which photos are accepted and how, by the names of the fields of `EnrolmentOptions`."""
    return with_embedding_options(with_options(_ENROLMENT, command))


@gallery.command("enrol")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--collection", default=COLLECTION, callback=collection_name, help=f"By default {COLLECTION}.")
@with_enrolment_options
def enrol(folder: Path, collection: str, **options: Any) -> None:
    """Register the photos of FOLDER, in which every person has a folder by the name.

    It may be called again, after a crash or with more photos: what was enrolled before is not stored twice, and what
    was forgotten does not come back.
    """
    with disk_errors("The folder cannot be read"), progress_bar("Embedding") as show:
        done = services().gallery.enrolment.enrol(folder, collection, EnrolmentOptions.model_validate(options), show)
    for name, reason in done.refused.items():
        click.echo(f"{name}: {reason}")
    click.echo(f"{done.enrolled} photos enrolled, {done.known} known already, {len(done.refused)} refused")
    if not done.enrolled and not done.known:
        raise click.ClickException("No photo could be enrolled.")


@gallery.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export(file: Path) -> None:
    """Write all persons, faces, embeddings and pictures to FILE, which only its owner may read.

    It can be imported anywhere: nothing in it is encrypted, also where GALLERY_KEY is set.
    """
    with disk_errors("The file cannot be written"):
        persons, faces = services().gallery.archive.export(file)
    click.echo(f"{persons} persons, {faces} faces exported")


@gallery.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def load(file: Path) -> None:
    """Store the persons of FILE, which an export wrote, that are not here yet.

    The whole file is checked before anything is stored. The import may be called again after a crash.
    """
    done = services().gallery.archive.load(file)
    for name in done.refused:
        click.echo(f"{name}: somebody else has the name, or one of the faces")
    click.echo(f"{done.stored} persons imported, {done.known} known already, {len(done.refused)} refused")


@gallery.command("copy-to-pgvector")
@click.option("--collection", default=COLLECTION, callback=collection_name, help=f"By default {COLLECTION}.")
@click.option(
    "--database",
    "url",
    envvar="FACE_EMBEDDINGS_URL",
    show_envvar=True,
    default="",
    help="postgresql://…, else DATABASE_URL. With a password it belongs into the variable.",
)
@click.option("--table", default="face_embeddings", show_default=True, metavar="[SCHEMA.]NAME")
@with_embedding_options
def copy_to_pgvector(url: str, table: str, collection: str, **options: Any) -> None:
    """Copy the faces of a collection, embedded with these options, into a table of your own.

    deploy/face_embeddings.sql makes it. Called again, it writes what has changed and removes what was forgotten since;
    rows that did not come from here are left alone. The user has to own the table. Nothing in it is encrypted.
    """
    wanted = EmbeddingOptions.model_validate(options)
    done = services().gallery.table_copy.copy(url=url, table=table, collection=collection, options=wanted)
    click.echo(f"{done.written} faces written, {done.unchanged} known already, {done.removed} removed")


@gallery.command("rotate-key")
def rotate_key() -> None:
    """Encrypt the gallery and the indexes of the photo folder with the first key of GALLERY_KEY.

    Whatever another key has encrypted, or none: set GALLERY_KEY=NEW,OLD, start the service anew, call this, and set
    GALLERY_KEY=NEW. The service may run meanwhile. After a crash, call it again. In PostgreSQL what the pictures were
    before leaves the files with `gallery purge`.
    """
    with progress_bar("Encrypting") as show:
        faces = services().gallery.key_rotation.rotate(show)
        show(1, 1)
    indexes_left = services().find.indexes.reencrypt()
    click.echo(f"{faces} faces encrypted with the first key; no other is used any more")
    if indexes_left:
        raise click.ClickException(f"{indexes_left} indexes are being built or cannot be written: call it again.")


@gallery.command("expire")
def expire() -> None:
    """Forget everybody whose retain_until is over."""
    click.echo(f"{services().gallery.maintenance.expire()} persons forgotten")


@gallery.command("purge")
def purge() -> None:
    """Have the bytes of what was forgotten leave the database's files, and say of each step what came of it.

    In PostgreSQL the tables are written anew, and nobody can read them meanwhile: requests that need them wait, or
    answer 503. The write-ahead log is overwritten too. Backups, replicas and archived log files (WAL) are out of reach:
    they keep what they hold. In SQLite forgetting itself overwrites; only a log (WAL) that others were reading may be
    left to be cut.
    """
    for name, outcome in services().gallery.maintenance.purge().items():
        click.echo(f"{name}: {outcome}")
