"""The command that checks the installation: `face-service doctor`."""

import click
from flask.cli import with_appcontext

from api.cli.options import say
from api.context import services

_WIDTH = 16  # of the first column; longer names shift the second one


@click.command("doctor")
@click.option("--accept", is_flag=True, help="Accept today's self-test results as the new reference.")
@with_appcontext
def doctor(accept: bool) -> None:
    """Check the installation for problems.

    It covers engine, weights, licences, database, photos, limits and self-test. Ends with 1 if there is a problem.
    Prints no key and no password.
    """
    wrong = 0
    for section in services().health.doctor.report(accept=accept):
        click.echo(section.title)
        for finding in section.findings:
            wrong += not finding.ok
            say(f"  {'ok' if finding.ok else 'WRONG':6}{finding.about:{_WIDTH}} {finding.found}")
    click.echo(f"{wrong} {'problem' if wrong == 1 else 'problems'} found." if wrong else "No problems found.")
    if wrong:
        raise click.exceptions.Exit(1)
