"""The command line of the audit trail: `face-service audit …`."""

import sys
from pathlib import Path

import click

from api.cli.options import ReportingGroup, disk_errors
from api.context import services
from core.files import atomically_written

audit = ReportingGroup("audit", help="The audit trail: what was done and decided.")


@audit.command("verify")
@click.option("--expect", metavar="HASH", help="A hash that this command said before; it has to be in the chain.")
def verify(expect: str | None) -> None:
    """Compute every hash of the chain again, and end with 1 if anything is not as it was sealed.

    That batches are missing at the end, or that somebody computed all hashes anew, only --expect can tell: note the
    last hash where nobody who writes to the database can change it.
    """
    proof = services().audit.trail.verify(expect=expect, report=click.echo)
    click.echo(f"{proof.events} events in {proof.batches} batches, {proof.unsealed} not sealed yet")
    click.echo(f"last hash: {proof.last_hash}")
    if not proof.is_whole:
        raise click.ClickException("The audit trail is not as it was sealed.")
    if expect is not None and not proof.has_expected:
        raise click.ClickException("The hash expected is not in the chain: it was cut off or made anew.")


@audit.command("export")
@click.argument("file", default="-", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True))
def export(file: Path) -> None:
    """Write the sealed events as JSON lines to FILE, which only its owner may read, or to the standard output.

    They come in the order of sealing, each with the number, time and hash of its batch and the hash before that.
    """
    with disk_errors("The file cannot be written"):
        if str(file) == "-":
            services().audit.trail.export(sys.stdout.buffer)
            return
        with atomically_written(file) as written:
            events, batches = services().audit.trail.export(written)
    click.echo(f"{events} events in {batches} batches exported")
