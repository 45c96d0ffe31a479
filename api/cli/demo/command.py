"""The command that shows a running service at work: `face-service demo`."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from flask.cli import with_appcontext

from api.cli.demo.client import Client
from api.cli.demo.photos import PEOPLE, PhotoFolder, photo, variations
from api.context import services
from core.settings import load_settings

_NAMES = dict(zip(PEOPLE, ("Eileen Collins", "Grace Hopper"), strict=True))


@click.command("demo")
@click.option("--url", help="Address of the service. Default: this machine, at PORT.")
@click.option("--keep", is_flag=True, help="Keep the photos and the person.")
@with_appcontext
def demo(url: str | None, keep: bool) -> None:
    """Show the running service at work on sample photos of two people.

    It waits for the service, verifies, estimates attributes, finds, registers and identifies. Then it deletes what it
    wrote; only the audit trail keeps its events. Run it with the service's settings, on the same machine. It uses the
    first key of API_KEYS.
    """
    settings = load_settings()
    client = Client(url or f"http://localhost:{settings.port}", next(iter(settings.api_keys), None))
    client.wait_until_ready()
    _verify(client)
    _analyze(client)
    with _photos(client, settings.faces_db_path, keep=keep) as written:
        if written:
            _find(client)
    _recognize(client, keep=keep)


def _verify(client: Client) -> None:
    astronaut, hopper = map(photo, PEOPLE)
    tilted = dict(variations(PEOPLE[0]))["tilted"]
    for title, other in (("Two photos of the astronaut", tilted), ("The astronaut and Grace Hopper", hopper)):
        answer = client.ask("verify", images={"img1": astronaut, "img2": other})
        verdict = "same person" if answer["verified"] else "different people"
        click.echo(f"Verify: {title}: {verdict}, {_distance(answer)}")


def _analyze(client: Client) -> None:
    answer = client.ask("analyze", images={"img": photo(PEOPLE[0])}, actions="age,gender", spared="model_unavailable")
    if answer["success"]:
        face = max(answer["result"], key=lambda face: face["face_confidence"])
        click.echo(f"Analyze: The astronaut: about {face['age']:.0f} years, {face['dominant_gender']}")
    else:
        click.echo(f"Analyze: skipped. {answer['message']}")


@contextmanager
def _photos(client: Client, path: str, *, keep: bool) -> Iterator[bool]:
    """Keep the sample photos in the folder of `/find` meanwhile. Gives false if they cannot be there."""
    folder = PhotoFolder(Path(path))
    why = _obstacle(client, path)
    if why is None:
        try:
            count = folder.write()
        except OSError as error:
            why = f"The folder FACES_DB_PATH cannot be written: {error.strerror}."
        else:
            click.echo(f"Wrote {count} photos of {len(PEOPLE)} people to {path}")
    if why is not None:
        click.echo(f"Find: skipped. {why}")
    try:
        yield why is None
    finally:
        if why is None and not keep:
            folder.remove_photos()
            services().find.indexes.prune()  # an index keeps the photos of a folder without any
            folder.remove_folder()


def _obstacle(client: Client, path: str) -> str | None:
    """Return why no photo may be written to the folder, if so."""
    if not path:
        return "The setting FACES_DB_PATH is empty."
    indexes = client.get("find/indexes", spared="db_not_found").get("indexes", [])
    if any(index["state"] == "kept" for index in indexes):
        return "The folder FACES_DB_PATH shows no photos, but it has indexes. Is its disk mounted?"
    return None


def _find(client: Client) -> None:
    answer = client.ask("find", images={"img": photo(PEOPLE[0])}, refresh="wait")
    found = [row for row in answer["result"][0] if f"/{PEOPLE[0]}/" in f"/{row['identity']}"]
    for row in found:
        click.echo(f"Find: {row['identity']}, {_distance(row)}")
    if not found:
        click.echo("Find: nothing. The service searches another folder than FACES_DB_PATH of this command.")


def _recognize(client: Client, *, keep: bool) -> None:
    """Register one of the two in a new collection, and identify both."""
    collection = f"demo-{secrets.token_hex(4)}"
    stranger, known = PEOPLE
    cropped, tilted = (dict(variations(known))[name] for name in ("cropped", "tilted"))
    person = client.ask("register", images={"img": cropped}, name=_NAMES[known], collection=collection)
    try:
        click.echo(f"Register: {person['name']} in the collection {collection}, quality {person['quality']['score']}")
        for title, image in ((f"Another photo of {_NAMES[known]}", tilted), ("The astronaut", photo(stranger))):
            face = client.ask("identify", images={"img": image}, collection=collection)["result"][0]
            match = face["matches"][0]
            name = f" {match['name']}" if match["match"] else ""
            click.echo(f"Identify: {title}: {face['decision']}{name}, {_distance(match)}")
    finally:
        if not keep:
            client.delete(f"collections/{collection}?with_persons=true")
            click.echo("Deleted the photos and the person again")


def _distance(row: dict[str, float]) -> str:
    return f"distance {row['distance']:.4f} (threshold {row['threshold']})"
