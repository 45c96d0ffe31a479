"""The commands of the audit trail: `face-service audit …`."""

import sys
from pathlib import Path

import click

from api.cli.options import ReportingGroup, disk_errors, say
from api.context import services
from core.files import atomically_written

audit = ReportingGroup("audit", help="The audit trail: recorded decisions and changes.")


@audit.command("verify")
@click.option("--expect", metavar="HASH", help="A hash that this command printed earlier. It must be in the chain.")
def verify(expect: str | None) -> None:
    """Recompute every hash of the chain. Ends with 1 if anything differs from what was sealed.

    Names each restored backup, with the events that the trail lacks since.

    Two changes can be found only with --expect: missing batches at the end, and a chain that was recomputed as a whole.
    Note the last hash in a place that users of the database cannot change.
    """
    proof = services().audit.trail.verify(expect=expect, report=say)
    click.echo(f"{proof.events} events in {proof.batches} batches, {proof.unsealed} not sealed yet")
    click.echo(f"last hash: {proof.last_hash}")
    if not proof.is_whole:
        raise click.ClickException("Audit trail verification FAILED: see the batches listed above.")
    if expect is not None and not proof.has_expected:
        raise click.ClickException("The expected hash is not in the chain: the chain was cut off or recomputed.")


@audit.command("export")
@click.argument("file", default="-", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True))
def export(file: Path) -> None:
    """Export the sealed events as JSON lines to FILE or to standard output.

    Only its owner can read FILE. The events are in the order of sealing. Each one has the number, time and hash of its
    batch, and the previous hash.
    """
    with disk_errors("The file cannot be written"):
        if str(file) == "-":
            services().audit.trail.export(sys.stdout.buffer)
            return
        with atomically_written(file) as written:
            events, batches = services().audit.trail.export(written)
    click.echo(f"{events} events in {batches} batches exported")
