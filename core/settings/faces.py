"""Defaults of the options that a request may leave out."""

from typing import Literal

from pydantic import AliasChoices, BaseModel, Field

from core.settings.types import OptionalInt


class FacesSettings(BaseModel):
    """Defaults of the options that a request may leave out."""

    default_model: str = Field(
        "",
        validation_alias=AliasChoices("DEFAULT_MODEL", "FACE_RECOGNITION_MODEL"),
        description="Recognition model for requests without `model_name`. Empty = the model of MODEL_PRESET.",
    )
    default_detector: str = Field(
        "",
        validation_alias=AliasChoices("DEFAULT_DETECTOR", "FACE_DETECTOR_BACKEND"),
        description="Detector for requests without `detector_backend`. Empty = the detector of MODEL_PRESET.",
    )
    default_metric: str = Field(
        "cosine",
        validation_alias=AliasChoices("DEFAULT_METRIC", "DISTANCE_METRIC"),
        description="Distance metric for requests without `distance_metric`: cosine, euclidean, euclidean_l2 or"
        " angular.",
    )
    default_align: bool = Field(True, description="Default of the `align` option: whether to align faces.")
    default_enforce_detection: bool = Field(
        True, description="Default of the `enforce_detection` option: whether an image without a face is an error."
    )
    default_normalization: str = Field("base", description="Input normalisation for requests without `normalization`.")
    default_expand_percentage: int = Field(
        0,
        ge=0,
        le=100,
        description="Default of the `expand_percentage` option: percent by which to enlarge face boxes.",
    )
    default_alignment: Literal["auto", "eyes", "template"] = Field(
        "auto",
        description="Default of the `alignment` option. `template`: as the model was trained. `eyes`: as DeepFace"
        " does. `auto`: the template where its threshold has been measured, else `eyes`.",
    )
    detection: Literal["bounded", "full", "deepface"] = Field(
        "bounded",
        description="Default of the `detection` option. `bounded`: search a small copy. `full`: also search at full"
        " size. `deepface`: search as DeepFace does.",
    )
    detection_max_side_px: OptionalInt = Field(
        None,
        ge=160,
        le=4096,
        description="Long side of the copy that `bounded` searches, in pixels. Empty = the detector's own.",
    )
    min_quality: float = Field(
        0.45,
        ge=0,
        le=1,
        description="Minimum `quality.score` of a face to register, for requests without `min_quality`. 0 = any.",
    )
    antispoof_threshold: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Minimum `antispoof_score` of a real face. It must also be likelier real than either kind of"
        " spoof. 0 = only the second condition, as in DeepFace.",
    )
