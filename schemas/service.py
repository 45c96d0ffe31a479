"""Response bodies of the endpoints about the service itself."""

from typing import Literal

from pydantic import BaseModel, Field

from schemas.common import Response, key_if_set

SelfTestOutcome = Literal["first answer", "same answer", "changed answer", "no answer"]


class Endpoint(BaseModel):
    """One entry of the list of endpoints."""

    method: str
    path: str
    summary: str


class ServiceInfo(BaseModel):
    """Name, version and endpoints of the service."""

    service: str
    version: str
    endpoints: list[Endpoint]


class Health(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"
    version: str


class ReadyPart(BaseModel):
    """One part that the service needs before it can answer face requests."""

    name: str
    state: Literal["ready", "loading", "unavailable", "warning"] = Field(
        description="`warning`: face requests are answered, except those that need this part."
    )
    message: str = Field("", description="Why the part is not ready.")
    self_test: SelfTestOutcome | None = key_if_set(
        "The model's answer to the self-test's image, compared with the stored first answer."
    )
    milliseconds: float | None = key_if_set("Duration of one inference on the self-test's image.")


class Readiness(Response):
    """All parts that the service needs are ready."""

    status: Literal["ready"] = "ready"
    version: str
    parts: list[ReadyPart]
    shared_trunk: list[str] = Field(description="Models with identical first layers, which run once for all of them.")
