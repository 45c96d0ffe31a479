"""The commands of the API keys: `face-service keys …`."""

from datetime import UTC, datetime, timedelta

import click

from api.cli.options import ReportingGroup, collection_name, say
from api.context import services
from core.scopes import Scope

keys = ReportingGroup("keys", help="The API keys. Authentication is off without any key here or in API_KEYS.")

_MAX_DAYS = 36_500
_SCOPES = click.Choice([scope.value for scope in Scope])
_UNKNOWN = "No API key has this id. Run: face-service keys list"


@keys.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=_SCOPES,
    help="Scope of the key. Repeat for several scopes.",
)
@click.option("--collection", callback=collection_name, help="Restrict the key to this collection of the gallery.")
@click.option("--days", type=click.IntRange(1, _MAX_DAYS), help="Days until the key expires. Default: never.")
def create(name: str, scopes: tuple[str, ...], collection: str | None, days: int | None) -> None:
    """Create an API key for NAME. The key is shown only once.

    The service stores only its SHA-256.
    """
    if collection is not None and Scope.ADMIN in scopes:
        raise click.UsageError("A key with --collection cannot have the scope admin, which covers all collections.")
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    key, token = services().access.keys.create(name, map(Scope, scopes), collection=collection, expires_at=expires_at)
    click.echo(f"Key {key.id}. Save the token below: it is not shown again.", err=True)
    click.echo(token)


@keys.command("list")
def show() -> None:
    """List all API keys, including revoked and expired ones."""
    now = datetime.now(UTC)
    for key in services().access.keys.all_keys():
        state = "revoked" if key.revoked_at else "valid" if key.is_valid(now) else "expired"
        used = f"used {key.last_used_on}" if key.last_used_on else "never used"
        until = f" until {key.expires_at:%Y-%m-%d}" if key.expires_at and state == "valid" else ""
        of = f" of {key.collection}" if key.collection else ""
        say(f"{key.id}  {state}{until}, {used}: {' '.join(sorted(key.scopes))}{of}  ({key.name})")


@keys.command("grant")
@click.argument("key_id", metavar="ID")
@click.argument("scope", type=_SCOPES)
def grant(key_id: str, scope: str) -> None:
    """Add a scope to a key. Takes effect within 5 seconds."""
    if not services().access.keys.grant(key_id, Scope(scope)):
        raise click.ClickException(_UNKNOWN)
    click.echo("Granted.")


@keys.command("revoke")
@click.argument("key_id", metavar="ID")
def revoke(key_id: str) -> None:
    """Revoke a key. Takes effect within 5 seconds."""
    if not services().access.keys.revoke(key_id):
        raise click.ClickException(_UNKNOWN)
    click.echo("Revoked.")
