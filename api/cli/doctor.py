"""The command that looks at everything: `face-service doctor`."""

import click
from flask.cli import with_appcontext

from api.context import services

_WIDTH = 16  # of the first column; longer names move the second


@click.command("doctor")
@click.option("--accept", is_flag=True, help="Compare with today's answers of the self-test from now on.")
@with_appcontext
def doctor(accept: bool) -> None:
    """Say what there is and what is wrong: engine, weights, licences, store, photos, limits, self-test.

    Ends with 1 if anything is wrong. Prints no key and no password.
    """
    wrong = 0
    for section in services().health.doctor.report(accept=accept):
        click.echo(section.title)
        for finding in section.findings:
            wrong += not finding.ok
            click.echo(f"  {'ok' if finding.ok else 'WRONG':6}{finding.about:{_WIDTH}} {finding.found}")
    click.echo(f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong." if wrong else "Nothing is wrong.")
    if wrong:
        raise click.exceptions.Exit(1)
