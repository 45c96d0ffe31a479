"""Bodies of the endpoints about the service itself."""

from typing import Literal

from pydantic import BaseModel, Field

from schemas.common import Response, key_if_set

SelfTestOutcome = Literal["first answer", "same answer", "changed answer", "no answer"]


class Endpoint(BaseModel):
    """One line of the list of endpoints."""

    method: str
    path: str
    summary: str


class ServiceInfo(BaseModel):
    """What this service is."""

    service: str
    version: str
    endpoints: list[Endpoint]


class Health(BaseModel):
    """The process lives."""

    status: Literal["ok"] = "ok"
    version: str


class ReadyPart(BaseModel):
    """One thing the service needs before it can answer face requests."""

    name: str
    state: Literal["ready", "loading", "unavailable"]
    message: str = Field("", description="Why it is not ready.")
    self_test: SelfTestOutcome | None = key_if_set(
        "What the model answered to the self-test's picture, beside the answer kept from the first time."
    )
    milliseconds: float | None = key_if_set("How long one inference on that picture took.")


class Readiness(Response):
    """Everything the service needs is there."""

    status: Literal["ready"] = "ready"
    version: str
    parts: list[ReadyPart]
    shared_trunk: list[str] = Field(description="The models whose first layers are the same and run once for all.")
