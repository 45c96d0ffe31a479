"""Upgrades a database, and waits to be killed before the step that is named: `python upgrading_process.py URL STEP`."""

import sys
import time

import sqlalchemy as sa

from services.database.choice import make_database


def main(url: str, step: str) -> None:
    """Upgrade the database at the URL; at the first statement that contains `step`, say so and stop."""

    def stop(_connection, _cursor, statement, *_):
        if step in statement:
            print("there", flush=True)
            time.sleep(60)

    sa.event.listen(sa.Engine, "before_cursor_execute", stop)
    make_database(url).upgrade()


if __name__ == "__main__":
    main(*sys.argv[1:])
