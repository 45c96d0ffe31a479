"""The commands that import persons from folders and other systems: `face-service import …`."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, get_args

import click

from api.cli.options import (
    ReportingGroup,
    collection_name,
    disk_errors,
    progress_bar,
    say,
    with_enrolment_options,
)
from api.context import services
from schemas.fields import COLLECTION
from schemas.gallery import EnrolmentOptions
from schemas.names import Normalization

imports = ReportingGroup("import", help="Move persons in from folders, photo programs and other systems.")

_folder = partial(click.Path, exists=True, file_okay=False, path_type=Path)
_file = partial(click.Path, exists=True, dir_okay=False, path_type=Path)
_collection = click.option(
    "--collection", default=COLLECTION, callback=collection_name, help=f"Collection. Default: {COLLECTION}."
)
_dry_run = click.option("--dry-run", is_flag=True, help="Check everything, and store nothing.")

_MAX_SHOWN = 500  # characters of a name in the report; a hostile database may have much longer ones
_FOLDER_UNREADABLE = "The folder cannot be read"


def register_entries(
    entries: Iterable[Any],
    collection: str,
    options: Mapping[str, Any],
    *,
    dry_run: bool = False,
    unit: str = "photos",
    advice: str = "",
) -> None:
    """Register what a source has, and report what was refused. Ends with 1 if nothing of it is in the gallery."""
    with progress_bar("Importing") as show:
        done = services().gallery.enrolment.enrol(
            entries,
            collection=collection,
            options=EnrolmentOptions.model_validate(dict(options)),
            progress=show,
            dry_run=dry_run,
        )
    for name, reason in done.refused.items():
        say(f"{name if len(name) <= _MAX_SHOWN else f'{name[:_MAX_SHOWN]}…'}: {reason}")
    if done.problems:
        counted = ", ".join(f"{count} {problem}" for problem, count in done.problems.most_common())
        click.echo(f"Photos of low quality: {counted}")
    registered = "would be registered" if dry_run else "registered"
    click.echo(f"{done.enrolled} {unit} {registered}, {done.known} already registered, {len(done.refused)} refused")
    if not done.enrolled and not done.known:
        raise click.ClickException(" ".join(filter(None, ("No photo could be registered.", advice))))


def register_people(folder: Path, collection: str, options: Mapping[str, Any], *, dry_run: bool = False) -> None:
    """Register the photos of a folder that has one folder per person."""
    with disk_errors(_FOLDER_UNREADABLE):
        register_entries(
            services().gallery.sources.people(folder),
            collection,
            options,
            dry_run=dry_run,
            advice="FOLDER needs a folder of photos per person.",
        )


@imports.command("people")
@click.argument("folder", required=False, type=_folder())
@click.option("--csv", "file", type=_file(), help="CSV file with the columns name, photo, labels and retain_until.")
@_collection
@_dry_run
@with_enrolment_options
def people(folder: Path | None, file: Path | None, collection: str, dry_run: bool, **options: Any) -> None:
    """Register the photos of FOLDER, which has one folder per person, or those of a CSV file.

    The photos of the CSV file are below FOLDER. By default, this is the folder of the file. Run the command again after
    a crash or with more photos: photos that are already registered are skipped.
    """
    if file is not None:
        with disk_errors("The CSV file cannot be read"):
            entries = services().gallery.sources.csv(file, folder or file.absolute().parent)
            register_entries(entries, collection, options, dry_run=dry_run)
    elif folder is not None:
        register_people(folder, collection, options, dry_run=dry_run)
    else:
        raise click.UsageError("Pass FOLDER or --csv.")


@imports.command("double-take")
@click.argument("folder", type=_folder())
@_collection
@_dry_run
@with_enrolment_options
def double_take(folder: Path, collection: str, dry_run: bool, **options: Any) -> None:
    """Register the photos that Double Take trains with.

    FOLDER is Double Take's storage, with train/NAME/ in it. Run the command again after a crash: photos that are
    already registered are skipped.
    """
    with disk_errors(_FOLDER_UNREADABLE):
        entries = services().gallery.sources.double_take(folder)
        register_entries(entries, collection, options, dry_run=dry_run, advice="FOLDER needs train/NAME/.")


@imports.command("photos")
@click.option("--xmp", "folder", required=True, type=_folder(), help="Folder of the photos.")
@_collection
@_dry_run
@with_enrolment_options
def photos(folder: Path, collection: str, dry_run: bool, **options: Any) -> None:
    """Register the faces that Lightroom, digiKam or Picasa have named in photos.

    The command reads the names and regions in the XMP data of the photos, and in files 1.jpg.xmp or 1.xmp beside them.
    Run the command again after a crash or with more names: faces that are already registered are skipped.
    """
    with disk_errors(_FOLDER_UNREADABLE):
        entries = services().gallery.sources.photos(folder)
        register_entries(
            entries, collection, options, dry_run=dry_run, unit="faces", advice="Name faces in the photos first."
        )


@imports.command("compreface")
@click.option(
    "--database",
    envvar="COMPREFACE_DATABASE_URL",
    show_envvar=True,
    help="CompreFace's PostgreSQL, postgresql://…. Set a URL with a password in the variable.",
)
@click.option("--url", help="CompreFace's server, for example http://localhost:8000, instead of the database.")
@click.option(
    "--api-key",
    envvar="COMPREFACE_API_KEY",
    show_envvar=True,
    default="",
    help="API key of the recognition service. Required for --url, and for a database with several.",
)
@_collection
@_dry_run
@with_enrolment_options
def compreface(
    database: str | None, url: str | None, api_key: str, collection: str, dry_run: bool, **options: Any
) -> None:
    """Register the images of CompreFace's subjects.

    The images are embedded anew. Subjects and embeddings without an image are listed as no_image. An API key of
    CompreFace has one face collection: run the command once for each, with another --collection. Run the command again
    after a crash: images that are already registered are skipped.
    """
    if url is not None:
        if not api_key:
            raise click.UsageError("--url needs --api-key.")
        entries = services().gallery.sources.compreface_api(url, api_key)
        register_entries(entries, collection, options, dry_run=dry_run)
    elif database:
        with services().gallery.sources.compreface(database, api_key) as found:
            register_entries(found, collection, options, dry_run=dry_run)
    else:
        raise click.UsageError("Pass --database or --url.")


@imports.command("deepface")
@click.option(
    "--database",
    required=True,
    envvar=["DEEPFACE_SQLITE_PATH", "DEEPFACE_POSTGRES_URI"],
    show_envvar=True,
    help="DeepFace's SQLite file, or postgresql://…. Set a URL with a password in the variable.",
)
@click.option(
    "--normalization",
    required=True,
    type=click.Choice(get_args(Normalization.__value__)),
    help="Normalization with which the faces were registered. DeepFace does not store it. Its default is base.",
)
@click.option(
    "--expand-percentage",
    required=True,
    type=click.IntRange(0, 100),
    help="Enlargement of the face area with which they were registered. DeepFace does not store it. Its default is 0.",
)
@click.option(
    "--person-from",
    required=True,
    type=click.Choice(["folder", "stem", "name"]),
    help="The person's name in the name of an image: its folder, its file name without suffix, or all of it.",
)
@click.option("--allow-uuids", is_flag=True, help="Also import images without a name, which DeepFace names by a UUID.")
@_collection
@_dry_run
def deepface(database: str, collection: str, dry_run: bool, allow_uuids: bool, **about: Any) -> None:
    """Import the faces that DeepFace's register stored in SQLite or PostgreSQL, with their embeddings.

    The embeddings are not computed again, so requests must embed faces as DeepFace did. Run the command again after a
    crash: faces that are already imported are skipped.
    """
    with services().gallery.sources.deepface(database, allows_uuids=allow_uuids, **about) as found:
        register_entries(found, collection, {}, dry_run=dry_run, unit="faces")


@imports.command("deepstack")
@click.argument("file", type=_file())
@_collection
def deepstack(file: Path, collection: str) -> None:
    """List the persons of DeepStack or CodeProject.AI who have to be registered anew.

    FILE is faceembedding.db. It has no photos, and embeddings of another network, so nothing is imported. Persons whom
    the collection already has are not listed.
    """
    missing, there = services().gallery.sources.deepstack(str(file), collection)
    for name in missing:
        say(name)
    click.echo(f"{len(missing)} persons to register, {there} in the gallery")
