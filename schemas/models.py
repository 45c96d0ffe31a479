"""Body of the endpoint about the models."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.common import Response, key_if_set
from schemas.service import SelfTestOutcome

_FROM_ROWS = ConfigDict(from_attributes=True)


class LicenseInfo(BaseModel):
    """The terms of a model's weights."""

    model_config = _FROM_ROWS

    name: str = Field(description="Its SPDX identifier where there is one.")
    commercial_use: Literal["yes", "no", "unclear"]
    reason: str
    source: str = Field(description="Where that is said.")


class AccuracyInfo(BaseModel):
    """A published number."""

    model_config = _FROM_ROWS

    benchmark: str
    metric: str
    value: float
    source: str = Field(description="Where it was published, or the command that measures it.")


class Thresholds(BaseModel):
    """The largest distances between two faces of one person, for faces cut out in one way."""

    alignment: Literal["eyes", "template"]
    values: dict[str, float] = Field(description="By metric.")
    source: str


class ModelFile(BaseModel):
    """A file that a model needs."""

    name: str
    installed: bool
    size_bytes: int | None = Field(description="Of the file that is here, else as published.")
    sha256: str | None = Field(description="As published, if anybody has.")
    urls: list[str] = Field(description="Where it is fetched from, in this order.")
    package: str | None = Field(description="The Python package that carries it.")


class ModelInfo(BaseModel):
    """A model: what it is for, how good it is, on which terms, and whether it is here."""

    name: str
    task: Literal["recognition", "detection", "attribute", "liveness"]
    input_px: Annotated[list[int], Field(min_length=2, max_length=2, description="Width and height.")] | None
    dim: int | None = Field(description="Numbers of an embedding.")
    template: str | None = Field(description="The crop it was trained on, which `alignment: template` makes.")
    thresholds: list[Thresholds]
    accuracy: list[AccuracyInfo]
    license: LicenseInfo
    allowed: bool = Field(description="Whether LICENSE_POLICY lets requests use it.")
    files: list[ModelFile]
    package: str | None = Field(description="What `pip install` has to be told beyond the requirements.")
    installed: bool = Field(description="Whether its files and package are here.")
    loaded: bool = Field(description="Whether the process that answers has loaded it.")
    ready: bool = Field(description="Whether it was preloaded and has passed the self-test.")
    self_test: SelfTestOutcome | None = key_if_set("As in /ready; only of models that were preloaded.")
    milliseconds: float | None = key_if_set("As in /ready.")


class PresetInfo(BaseModel):
    """Models that go together."""

    name: str
    summary: str
    models: list[str]
    commercial_use: Literal["yes", "no", "unclear"] = Field(description="Of all of them together.")
    size_bytes: int | None = Field(description="Of all their files; null where somebody has not published it.")
    installed: bool


class ModelsResponse(Response):
    """All models, and the presets of them."""

    license_policy: Literal["any", "commercial"]
    preset: str = Field(description="MODEL_PRESET.")
    presets: list[PresetInfo]
    models: list[ModelInfo]
