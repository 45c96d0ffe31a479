"""How much work is done at once and what a request may ask for."""

from pydantic import BaseModel, Field

from core.settings.types import OptionalInt


class CapacitySettings(BaseModel):
    """How much work is done at once and what a request may ask for."""

    inference_lanes: OptionalInt = Field(
        None, ge=1, description="Concurrent inferences per process. Empty = the process's share of the cores."
    )
    batch_max_size: int = Field(8, ge=1, le=256, description="Maximum number of faces in one pass through a model.")
    max_faces: int = Field(
        256, ge=1, le=1000, description="Maximum number of faces read in an image or photo. The largest count."
    )
    queue_max: int = Field(
        64, ge=0, description="Maximum number of requests per process that wait for a lane. The service refuses more."
    )
    queue_max_bytes: int = Field(
        268_435_456,
        gt=0,
        description="Maximum bytes of all request bodies per process that are read, wait for a lane or are in one. The"
        " service refuses more. A request alone is always accepted.",
    )
    request_timeout_s: float = Field(
        30,
        gt=0,
        description="Maximum seconds of a request. Then the service refuses it and starts no further step of its work.",
    )
    max_body_bytes: int = Field(33_554_432, gt=0, description="Maximum size of a request body, in bytes.")
