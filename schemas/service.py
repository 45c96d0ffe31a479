"""Response bodies of the endpoints about the service itself."""

from typing import Literal

from pydantic import BaseModel, Field
from typing_extensions import TypeAliasType

from schemas.common import Response, key_if_set

SelfTestOutcome = TypeAliasType(
    "SelfTestOutcome", Literal["first answer", "same answer", "changed answer", "no answer"]
)

_VERSION = "Version of the service."


class Endpoint(BaseModel):
    """One entry of the list of endpoints."""

    method: str = Field(description="HTTP method.")
    path: str = Field(description="Path, with its variables in braces.")
    summary: str = Field(description="What the endpoint does.")


class ServiceInfo(BaseModel):
    """Name, version and endpoints of the service."""

    service: str = Field(description="Name of the service: `face-service`.")
    version: str = Field(description=_VERSION)
    needs_key: bool = Field(description="Whether requests need an API key. False if the service has none.")
    endpoints: list[Endpoint] = Field(description="All endpoints, by path.")


class Health(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = Field("ok", description="`ok` if the process answers.")
    version: str = Field(description=_VERSION)


class ReadyPart(BaseModel):
    """One part that the service needs before it can answer face requests."""

    name: str = Field(description="Name of a preloaded model, or of another part, for example `store`.")
    state: Literal["ready", "loading", "unavailable", "warning"] = Field(
        description="`warning`: face requests are answered, except those that need this part."
    )
    message: str = Field("", description="Why the part is not ready.")
    self_test: SelfTestOutcome | None = key_if_set(
        "The model's answer to the self-test's image, compared with the stored first answer."
    )
    milliseconds: float | None = key_if_set("Duration of one inference on the self-test's image, in milliseconds.")


class Readiness(Response):
    """All parts that the service needs are ready."""

    status: Literal["ready"] = Field("ready", description="`ready` if face requests are answered.")
    version: str = Field(description=_VERSION)
    parts: list[ReadyPart] = Field(description="The parts and their states.")
    shared_trunk: list[str] = Field(description="Models with identical first layers, which run once for all of them.")
