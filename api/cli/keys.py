"""The command line of the API keys: `face-service keys …`."""

from datetime import UTC, datetime, timedelta

import click

from api.cli.options import ReportingGroup, collection_name
from api.context import services
from core.scopes import Scope

keys = ReportingGroup("keys", help="The API keys. Without any, in the setting or here, anybody may ask.")

_MOST_DAYS = 36_500


@keys.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="As often as needed.",
)
@click.option("--collection", callback=collection_name, help="The only collection of the gallery that it is for.")
@click.option("--days", type=click.IntRange(1, _MOST_DAYS), help="After which it expires; by default never.")
def create(name: str, scopes: tuple[str, ...], collection: str | None, days: int | None) -> None:
    """Make a key; NAME says for whom. The key is shown this once, the service keeps only its SHA-256."""
    if collection is not None and Scope.ADMIN in scopes:
        raise click.UsageError("A key for one collection cannot have the scope admin, which sees all of them.")
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    key, token = services().access.keys.create(name, map(Scope, scopes), collection=collection, expires_at=expires_at)
    click.echo(f"Key {key.id}. Keep what follows: it is not shown again.", err=True)
    click.echo(token)


@keys.command("list")
def show() -> None:
    """List all keys there ever were."""
    now = datetime.now(UTC)
    for key in services().access.keys.all_keys():
        state = "revoked" if key.revoked_at else "valid" if key.is_valid(now) else "expired"
        used = f"used {key.last_used_on}" if key.last_used_on else "never used"
        until = f" until {key.expires_at:%Y-%m-%d}" if key.expires_at and state == "valid" else ""
        of = f" of {key.collection}" if key.collection else ""
        click.echo(f"{key.id}  {state}{until}, {used}: {' '.join(sorted(key.scopes))}{of}  ({key.name})")


@keys.command("revoke")
@click.argument("key_id", metavar="ID")
def revoke(key_id: str) -> None:
    """Have the key ID open nothing any more, in every process within 5 seconds."""
    if not services().access.keys.revoke(key_id):
        raise click.ClickException("There is no key of this id.")
    click.echo("Revoked.")
