"""Response body of /models."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from schemas.common import Response, key_if_set
from schemas.service import SelfTestOutcome

CommercialUse = TypeAliasType("CommercialUse", Literal["yes", "no", "unclear"])

_FROM_ROWS = ConfigDict(from_attributes=True)


class LicenseInfo(BaseModel):
    """The licence of a model's weights."""

    model_config = _FROM_ROWS

    name: str = Field(description="SPDX identifier, if there is one.")
    commercial_use: CommercialUse = Field(description="Whether the terms allow commercial use.")
    reason: str = Field(description="Why commercial use is allowed, not allowed or unclear.")
    source: str = Field(description="Where the terms are published.")


class AccuracyInfo(BaseModel):
    """A published accuracy figure."""

    model_config = _FROM_ROWS

    benchmark: str = Field(description="Data set of the measurement.")
    metric: str = Field(description="What was measured, for example `accuracy`.")
    value: float = Field(description="The figure, in the unit that `metric` names.")
    source: str = Field(description="Where the figure was published, or the command that measures it.")


class Thresholds(BaseModel):
    """The maximum distances between two faces of one person, under the conditions for which they are known.

    All are for `normalization: base` and `expand_percentage: 0`. A measured one replaces the published one.
    """

    alignment: Literal["eyes", "none", "template"] = Field(
        description="Alignment of the faces. The published thresholds for `eyes` are also for `align: false`."
    )
    detector_backend: str | None = Field(description="Detector of the faces. Null = any but `skip`.")
    values: dict[str, float] = Field(description="Threshold by metric.")
    source: str = Field(description="Where the thresholds were published, or the command that measures them.")


class ModelFile(BaseModel):
    """A file that a model needs."""

    name: str = Field(description="Name of the file.")
    installed: bool = Field(description="Whether the file is on this server.")
    size_bytes: int | None = Field(
        description="Size of the installed file in bytes, else the published size. Null if neither is known."
    )
    sha256: str | None = Field(description="Published SHA-256, if there is one.")
    urls: list[str] = Field(description="Download URLs, in the order in which they are tried.")
    package: str | None = Field(description="The Python package that contains the file.")


class TrainedPixelsInfo(BaseModel):
    """The pixels that a model was trained on: RGB, scaled as by one of DeepFace's normalizations."""

    model_config = _FROM_ROWS

    scaling: str = Field(description="The `normalization` that scales pixels so.")
    source: str = Field(description="Where this was published.")


class ModelInfo(BaseModel):
    """A model with purpose, accuracy, licence and status."""

    name: str = Field(description="Name of the model, as requests send it.")
    task: Literal["recognition", "detection", "attribute", "liveness"] = Field(description="What the model is for.")
    input_px: Annotated[list[int], Field(min_length=2, max_length=2)] | None = Field(
        description="Width and height of the model's input, in pixels. Null if it has no fixed size."
    )
    dim: int | None = Field(description="Number of values in an embedding. Null unless `task` is `recognition`.")
    template: str | None = Field(description="The crop of the training data. `alignment: template` makes it.")
    trained_pixels: TrainedPixelsInfo | None = Field(
        description="The pixels of the training data, if DeepFace feeds the model others. `alignment: template` feeds"
        " these, and the alignment of the embedding space is `template_rgb`."
    )
    thresholds: list[Thresholds] = Field(description="Known thresholds, each with its conditions.")
    accuracy: list[AccuracyInfo] = Field(description="Published figures.")
    limits: str | None = key_if_set("The faces for which the accuracy does not hold.")
    license: LicenseInfo = Field(description="Licence of the weights.")
    allowed: bool = Field(description="Whether LICENSE_POLICY allows requests to use the model.")
    files: list[ModelFile] = Field(description="The files that the model needs.")
    package: str | None = Field(description="The command that installs what it needs beyond the requirements.")
    package_problem: str | None = key_if_set("Why the Python packages it needs do not work here, and what to run.")
    installed: bool = Field(description="Whether its files and packages are installed.")
    loaded: bool = Field(description="Whether the answering process has loaded the model.")
    ready: bool = Field(description="Whether the model was preloaded and passed the self-test.")
    self_test: SelfTestOutcome | None = key_if_set("As in /ready. Only for preloaded models.")
    milliseconds: float | None = key_if_set("Duration of one inference in milliseconds, as in /ready.")


class PresetInfo(BaseModel):
    """A tested combination of models."""

    name: str = Field(description="Value of MODEL_PRESET that selects it.")
    summary: str = Field(description="What the preset is for.")
    models: list[str] = Field(description="Names of its models.")
    commercial_use: CommercialUse = Field(description="Commercial use of all its models together.")
    size_bytes: int | None = Field(description="Total size of all files in bytes. Null if a size is not published.")
    installed: bool = Field(description="Whether all its models are installed.")


class ModelsResponse(Response):
    """All models and presets."""

    license_policy: Literal["any", "commercial"] = Field(description="The value of LICENSE_POLICY.")
    preset: str = Field(description="The value of MODEL_PRESET.")
    presets: list[PresetInfo] = Field(description="All presets.")
    models: list[ModelInfo] = Field(description="All models.")
