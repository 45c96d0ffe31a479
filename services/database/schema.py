"""The tables of the gallery, the same for SQLite and PostgreSQL."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pgvector
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from typing_extensions import override

from schemas import text

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcTime(sa.types.TypeDecorator[datetime]):
    """A time; stored as ISO 8601 in UTC if the database has no type with time zones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.String() if dialect.name == "sqlite" else sa.DateTime(timezone=True))

    @override
    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        # Of equal length, so that the texts sort like the times.
        return value.astimezone(UTC).isoformat(timespec="microseconds") if value and dialect.name == "sqlite" else value

    @override
    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        return datetime.fromisoformat(value) if isinstance(value, str) else value


class Vector(sa.types.TypeDecorator[npt.NDArray[np.float32] | bytes]):
    """An embedding, float32 of shape (dimension,): pgvector's type; in SQLite bytes, little-endian or encrypted."""

    impl = sa.LargeBinary
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.LargeBinary() if dialect.name == "sqlite" else _PgVector())

    @override
    def process_bind_param(self, value: npt.NDArray[np.float32] | bytes | None, dialect: sa.Dialect) -> Any:
        if value is None or isinstance(value, bytes):
            return value
        return value.astype("<f4").tobytes() if dialect.name == "sqlite" else text_of_vector(value)

    @override
    def process_result_value(self, value: Any, dialect: sa.Dialect) -> npt.NDArray[np.float32] | bytes | None:
        if value is None or isinstance(value, bytes):
            return value
        return np.asarray(pgvector.Vector.from_text(value).to_numpy(), np.float32)


class _PgVector(sa.types.UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name in a statement; without a dimension, because the column holds several models' embeddings."""
        return "vector"


def text_of_vector(numbers: npt.NDArray[np.floating[Any]]) -> str:
    """A vector in pgvector's text format; nine digits preserve every float32."""
    return f"[{','.join(['%.9g'] * len(numbers))}]" % tuple(numbers.tolist())


def sorting_key(name: str) -> str:
    """The form of a name for searching and sorting, limited so that the cursor of a page can carry it."""
    return text.folded(name)[: text.MAX_FOLDED]


def identity_key(name: str) -> str:
    """The value of `identity` for a name: equal for all names that look alike, and short enough for an index.

    It holds no control character.
    """
    key = text.identity(name)
    return key if len(key) <= text.MAX_FOLDED else sha256(key.encode()).hexdigest()


Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
# Text that both databases sort by its characters' numbers.
Plain = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Id = sa.Uuid(as_uuid=True)

collections = sa.Table(
    "collections",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("created_at", UtcTime, nullable=False),
)

persons = sa.Table(
    "persons",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("collection", sa.ForeignKey("collections.name"), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column(
        "folded",
        Plain,
        nullable=False,
        server_default="",
        default=lambda context: sorting_key(context.get_current_parameters()["name"]),
    ),
    # `identity_key` of the name. A twin, who had the same one before this column existed, has it with a line end and
    # the id behind it.
    sa.Column(
        "identity",
        Plain,
        nullable=False,
        server_default="",
        default=lambda context: identity_key(context.get_current_parameters()["name"]),
    ),
    sa.Column("labels", Json, nullable=False),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("registered_at", UtcTime, nullable=False),
    sa.Column("retain_until", UtcTime, index=True),
    sa.UniqueConstraint("collection", "name"),
    sa.Index("uq_persons_collection_identity", "collection", "identity", unique=True),
    sa.Index(None, "folded", "id"),
)

# The ids of all keys that encrypt faces, or may do so after a transaction in progress.
sealing_keys = sa.Table("sealing_keys", metadata, sa.Column("id", sa.String(16), primary_key=True))

# The dimensions of the models that pgvector can index; 4096 is too many.
INDEXED_DIMENSIONS = (128, 160, 512)

# What is about a face itself; `embeddings` has what it is compared by.
faces = sa.Table(
    "faces",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("person_id", sa.ForeignKey("persons.id"), nullable=False, index=True),
    sa.Column("detector", sa.String(50), nullable=False),
    sa.Column("area", Json, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("quality", Json, nullable=False),
    sa.Column("liveness", sa.Float),
    sa.Column("crop", sa.LargeBinary),
    sa.Column("registered_at", UtcTime, nullable=False),
    sa.Column("photo", sa.String(200)),  # the name of the photo
    sa.Column("set_aside", sa.Boolean, nullable=False, server_default=sa.false()),  # kept, and not compared
    sa.Column("sealed_with", sa.ForeignKey("sealing_keys.id")),  # of the image
    sa.Index(
        "ix_faces_sealed_with",
        "sealed_with",
        postgresql_where=sa.text("crop IS NOT NULL"),
        sqlite_where=sa.text("crop IS NOT NULL"),
    ),
)

# One row for each embedding space of a face. The person, the collection and whether it is set aside are the face's:
# searches filter by them.
embeddings = sa.Table(
    "embeddings",
    metadata,
    sa.Column("face_id", sa.ForeignKey("faces.id", ondelete="CASCADE"), primary_key=True),
    # As `text_of_space` writes it: one text, so that one index finds the embeddings to compare.
    sa.Column("space", sa.String(200), primary_key=True),
    # The order of a face's embeddings; 0 is the one of the requested space.
    sa.Column("place", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("person_id", Id, nullable=False),
    sa.Column("collection", sa.String(100), nullable=False),
    sa.Column("dimension", sa.Integer, nullable=False),
    sa.Column("embedding", Vector, nullable=False),
    sa.Column("weights", sa.String(200), nullable=False),
    sa.Column("sealed_with", sa.ForeignKey("sealing_keys.id")),  # null in PostgreSQL
    # Set until it is in PostgreSQL's index. Indexing takes longer than the rest of a registration.
    sa.Column("waits_for_index", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("set_aside", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ix_embeddings_collection_space", "collection", "space", "person_id"),
    sa.Index("ix_embeddings_sealed_with", "sealed_with", postgresql_where=sa.text("sealed_with IS NOT NULL")),
    sa.Index(
        "ix_embeddings_waiting",
        *("collection", "space"),
        postgresql_where=sa.text("waits_for_index"),
        sqlite_where=sa.text("waits_for_index"),
    ),
)

# The faces that changed, in the order of commits: other processes read their changes here.
changes = sa.Table(
    "changes",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("face_id", Id, nullable=False),
    sqlite_autoincrement=True,
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("action", sa.String(50), nullable=False, index=True),
    sa.Column("outcome", sa.String(50), nullable=False),
    sa.Column("request_id", sa.String(200), nullable=False),
    sa.Column("key_id", sa.String(100), nullable=False),
    sa.Column("collection", sa.String(100), nullable=False),
    sa.Column("person_id", sa.String(36), nullable=False, index=True),
    sa.Column("face_id", sa.String(36), nullable=False),
    sa.Column("details", Json, nullable=False),
    sa.Column("seal_id", sa.BigInteger().with_variant(sa.Integer, "sqlite")),  # null until the event is sealed
    sa.Index(None, "seal_id", "id"),
    sqlite_autoincrement=True,
)

# The seal of each batch of events, with the hash of the previous batch.
seals = sa.Table(
    "seals",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

# What each request with an idempotency key stored, so that a retry stores nothing. The columns `person_id` and `name`
# are from earlier versions and no longer written. All three ids and names are cleared when the face is deleted.
answers = sa.Table(
    "answers",
    metadata,
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("request", sa.String(64), nullable=False),
    sa.Column("face_id", Id, index=True),
    sa.Column("person_id", Id),
    sa.Column("name", sa.String(200)),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, index=True),
)

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("secret_sha256", sa.String(64), nullable=False),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("collection", sa.String(100)),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime),
    sa.Column("revoked_at", UtcTime),
    sa.Column("last_used_on", sa.Date),
)

# Requests per API key or address, if RATE_LIMIT_STORAGE is the database.
rate_counters = sa.Table(
    "hits",
    metadata,
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)

failed_attempts = sa.Table(
    "misses",
    metadata,
    sa.Column("person_id", sa.ForeignKey("persons.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("locked_until", UtcTime),
)


def as_id(text: str) -> UUID | None:
    """The id in a client's text; None if it is not a valid id, and so matches nothing."""
    try:
        return UUID(text)
    except ValueError:
        return None


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)
