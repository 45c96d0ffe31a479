"""Finds persons by name: all spellings that look alike are one name, and a name is one person's.

Galleries from before this rule may have twins: several persons of a collection with one name. They keep apart until
they are merged, renamed or deleted, and nobody can be registered by such a name.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from core.exceptions import Conflict, PersonNotFound
from services.database.schema import identity_key, persons, sorting_key

_TWIN = "\n"  # stands between the identity and the id of a twin
_AFTER_TWINS = "\v"  # the character after it; no identity has either


def called(connection: sa.Connection, name: str, collection: str) -> list[UUID]:
    """The persons with this name in any spelling; more than one are twins.

    A twin that is left alone takes the name over.
    """
    key = identity_key(name)
    found = _found(connection, key, collection)
    if len(found) == 1 and found[0].identity != key:
        connection.execute(sa.update(persons).where(persons.c.id == found[0].id).values(identity=key))
    return [row.id for row in found]


def _found(connection: sa.Connection, key: str, collection: str) -> Sequence[Any]:
    select = sa.select(persons.c.id, persons.c.identity).where(
        persons.c.collection == collection, persons.c.identity >= key, persons.c.identity < f"{key}{_AFTER_TWINS}"
    )
    return connection.execute(select.order_by(persons.c.identity)).all()


def only_one_called(connection: sa.Connection, name: str, collection: str) -> UUID | None:
    """The person with this name, None if there is none; raises Conflict, with the ids of the twins."""
    return _only(called(connection, name, collection))


def look_up(connection: sa.Connection, name: str, collection: str) -> UUID | None:
    """As `only_one_called`, in a transaction that changes nothing."""
    return _only([row.id for row in _found(connection, identity_key(name), collection)])


def _only(found: Sequence[UUID]) -> UUID | None:
    if len(found) > 1:
        ids = [str(number) for number in found]
        raise Conflict("Several persons have this name. Merge them, or use person_id.", details={"person_ids": ids})
    return found[0] if found else None


def renamed(connection: sa.Connection, number: UUID, name: str, within: str | None) -> dict[str, Any]:
    """The columns of a person with a new name; raises PersonNotFound, or Conflict if another person has the name."""
    select = sa.select(persons.c.collection, persons.c.identity).where(persons.c.id == number)
    row = connection.execute(select).first()
    if row is None or within not in (None, row.collection):
        raise PersonNotFound
    key, identity = identity_key(name), row.identity
    if called(connection, name, row.collection) in ([], [number]):
        identity = key
    elif identity.partition(_TWIN)[0] != key:  # a twin may write its own name in another way
        raise Conflict("The name is taken.")
    return {"name": name, "folded": sorting_key(name), "identity": identity}


def twins(connection: sa.Connection) -> list[list[UUID]]:
    """The twins of each name that several persons have, the first registered one first."""
    some = sa.select(persons.c.collection, persons.c.identity).where(persons.c.identity.contains(_TWIN))
    keys = {(row.collection, row.identity.partition(_TWIN)[0]) for row in connection.execute(some)}
    groups = [_found(connection, key, collection) for collection, key in sorted(keys) if key]
    return [[row.id for row in group] for group in groups if len(group) > 1]
