"""The database of the gallery, its encryption and the audit trail."""

from pydantic import BaseModel, Field

from core.settings.types import GalleryKeys


class GallerySettings(BaseModel):
    """The database of the gallery, its encryption and the audit trail."""

    database_url: str = Field(
        "", description="Database of the gallery: postgresql://… with pgvector. Empty = a SQLite file in DATA_PATH."
    )
    auto_migrate: bool = Field(
        True,
        description="Create and upgrade the schema of the database at the start. `false`: only `face-service db"
        " upgrade` does, and `/ready` answers 503 until then.",
    )
    gallery_key: GalleryKeys = Field(
        (),
        repr=False,
        description="Encryption key (64 hex digits). During rotation: NEW,OLD. Encrypts the gallery and the index."
        " Empty = no encryption.",
    )
    record_verifications: bool = Field(
        True, description="Store each `/verify` decision about two images, without the images and embeddings."
    )
    person_lock_misses: int = Field(
        5, ge=0, description="Consecutive failed verifications after which a person is locked. 0 disables."
    )
    person_lock_s: float = Field(30, gt=0, le=86_400, description="Seconds for which a person stays locked.")
