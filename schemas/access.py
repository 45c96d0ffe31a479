"""Request and response bodies of API keys and of the limits of requests."""

from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from schemas.common import Request, Response
from schemas.fields import CollectionName, Moment, Name

_COLLECTION = "The key is valid only for this collection of the gallery. Null = all."

# The names of `core.scopes.Scope`.
ScopeName = TypeAliasType(
    "ScopeName", Literal["faces", "find", "gallery:read", "gallery:write", "embeddings", "admin", "metrics"]
)
_MAX_SCOPES = 7


class KeyRow(BaseModel):
    """An API key, without its secret."""

    id: str = Field(description="ID of the API key: 12 hex digits.")
    name: str = Field(description="Name of the API key.")
    scopes: list[ScopeName] = Field(description="What the key may do.")
    collection: str | None = Field(description=_COLLECTION)
    created_at: datetime = Field(description="Time of the creation, in UTC.")
    expires_at: datetime | None = Field(description="The key is invalid from this moment, in UTC. Null = never.")
    revoked_at: datetime | None = Field(description="Time of the revocation, in UTC. Null = not revoked.")
    last_used_on: date | None = Field(description="Day of the last use, in UTC. Null = never used.")
    valid: bool = Field(description="False if the key is revoked or expired.")


class KeyInfo(Response, KeyRow):
    """An API key, without its secret."""


class KeysResponse(Response):
    """The API keys of the database. Those of the setting API_KEYS are not among them."""

    keys: list[KeyRow] = Field(description="One entry per key, oldest first. Revoked and expired keys are included.")


class KeyRequest(Request):
    """An API key to create."""

    repeatable: ClassVar[frozenset[str]] = frozenset({"scopes"})

    name: Name = Field(description="Name of the API key, 1 to 200 characters in one line.")
    collection: CollectionName | None = Field(
        None, description="Restrict the key to this collection of the gallery. Default: all collections."
    )
    scopes: Annotated[list[ScopeName], Field(min_length=1, max_length=_MAX_SCOPES, fail_fast=True)] = Field(
        description="What the key may do: scopes that the key of the request has, too. `admin` needs all collections."
    )
    expires_at: Moment | None = Field(None, description="The key is invalid from this moment. Default: never.")

    @field_validator("scopes", mode="after")
    @classmethod
    def _of_all_collections(cls, scopes: list[ScopeName], given: ValidationInfo) -> list[ScopeName]:
        if "admin" in scopes and given.data.get("collection") is not None:
            raise PydanticCustomError("admin", "The scope admin covers all collections. Leave out the collection")
        return scopes


class NewKey(KeyInfo):
    """A new API key with its secret."""

    key: str = Field(description="The API key to send. It is shown only here: the service stores its SHA-256.")


class LimitsResponse(Response):
    """What the API key of the request may do, and what the service takes."""

    key_id: str = Field(description="ID of the API key. Empty if the service has no API keys.")
    scopes: list[ScopeName] = Field(description="What the key may do. All scopes if the service has no API keys.")
    collection: str | None = Field(description=_COLLECTION)
    rate_limit: str = Field(description="Requests allowed per API key, for example `1200/minute`. Empty = unlimited.")
    rate_limit_address: str = Field(description="Requests allowed per IP address. Empty = unlimited.")
    request_timeout_s: float = Field(description="Maximum seconds of a request.")
    max_body_bytes: int = Field(description="Maximum size of a request body, in bytes.")
    max_image_bytes: int = Field(description="Maximum size of an image file, in bytes.")
    max_image_pixels: int = Field(description="Maximum width times height of an image, in pixels.")
    max_faces: int = Field(description="Maximum number of faces read in an image. The largest count.")
    min_quality: float = Field(description="Lowest quality of a face to register, 0 to 1.")
    queue_max: int = Field(description="Maximum number of requests per process that wait.")
    lanes: int = Field(description="Number of inferences at once per process.")
    images_by_url: bool = Field(description="Whether an image may be given as a URL.")
    images_by_path: bool = Field(description="Whether an image may be given as a path on the server.")
    photo_folder: bool = Field(description="Whether there is a photo folder: FACES_DB_PATH.")
