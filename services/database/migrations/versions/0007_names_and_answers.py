"""Names as they are looked for, and answers as they were first given, for as long as they are kept."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"

# As the code had both when this was written.
_LASTS = timedelta(days=7)
_FOR_GOOD = "enrol "  # how the keys of photos from a folder begin

_persons = sa.table("persons", sa.column("id", sa.Uuid()), sa.column("name"), sa.column("folded"))
_faces = sa.table("faces", sa.column("id", sa.Uuid()), sa.column("person_id", sa.Uuid()))
_answers = sa.table(
    "answers",
    *(sa.column(name) for name in ("key", "at", "name", "expires_at")),
    *(sa.column(name, sa.Uuid()) for name in ("face_id", "person_id")),
    sa.column("faces", sa.JSON()),
)


def upgrade() -> None:
    """Fold the names, and have each answer name its face, its person, and when it ends."""
    on_postgresql = op.get_context().dialect.name == "postgresql"
    folded = sa.Text(collation="C") if on_postgresql else sa.Text()
    op.add_column("persons", sa.Column("folded", folded, nullable=False, server_default=""))
    persons = op.get_bind().execute(sa.select(_persons.c.id, _persons.c.name)).all()
    _change(_persons, _persons.c.id, [{"which": row.id, "folded": _folded(row.name)} for row in persons])
    op.create_index("ix_persons_folded_id", "persons", ["folded", "id"])

    op.add_column("answers", sa.Column("face_id", sa.Uuid()))
    op.add_column("answers", sa.Column("person_id", sa.Uuid()))
    op.add_column("answers", sa.Column("name", sa.String(200)))
    op.add_column("answers", sa.Column("expires_at", sa.DateTime(timezone=True) if on_postgresql else sa.String()))
    known = sa.select(_faces.c.id, _persons.c.id.label("person_id"), _persons.c.name)
    rows = op.get_bind().execute(known.join(_persons, _persons.c.id == _faces.c.person_id)).all()
    person_of_face = {row.id: (row.person_id, row.name) for row in rows}
    answers = op.get_bind().execute(sa.select(_answers.c.key, _answers.c.at, _answers.c.faces)).all()
    _change(_answers, _answers.c.key, [_answer(row, person_of_face) for row in answers])
    op.drop_column("answers", "faces")
    op.create_index("ix_answers_face_id", "answers", ["face_id"])
    op.create_index("ix_answers_expires_at", "answers", ["expires_at"])


def downgrade() -> None:
    """Take it back; who is known by a name is then found as the database itself folds it."""
    on_postgresql = op.get_context().dialect.name == "postgresql"
    json = postgresql.JSONB() if on_postgresql else sa.JSON()
    op.add_column("answers", sa.Column("faces", json, nullable=False, server_default="[]"))
    rows = op.get_bind().execute(sa.select(_answers.c.key, _answers.c.face_id)).all()
    changes = [{"which": row.key, "faces": [str(row.face_id)]} for row in rows if row.face_id is not None]
    _change(_answers, _answers.c.key, changes)
    op.drop_index("ix_answers_expires_at", "answers")
    op.drop_index("ix_answers_face_id", "answers")
    for name in ("expires_at", "name", "person_id", "face_id"):
        op.drop_column("answers", name)
    op.drop_index("ix_persons_folded_id", "persons")
    op.drop_column("persons", "folded")


def _change(table: sa.TableClause, key: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        names = [name for name in rows[0] if name != "which"]
        update = sa.update(table).where(key == sa.bindparam("which", type_=key.type))
        op.get_bind().execute(update.values({name: sa.bindparam(name) for name in names}), rows)


def _answer(row: Any, person_of_face: dict[UUID, tuple[UUID, str]]) -> dict[str, Any]:
    face_id = next((number for number in map(UUID, row.faces) if number in person_of_face), None)
    person_id, name = (None, None) if face_id is None else person_of_face[face_id]
    expires_at = None
    if not row.key.startswith(_FOR_GOOD):
        is_text = isinstance(row.at, str)  # in SQLite, always in UTC and of one length
        ends = (datetime.fromisoformat(row.at) if is_text else row.at) + _LASTS
        expires_at = ends.astimezone(UTC).isoformat(timespec="microseconds") if is_text else ends
    return {"which": row.key, "face_id": face_id, "person_id": person_id, "name": name, "expires_at": expires_at}


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
