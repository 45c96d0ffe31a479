"""Which models run, where their files are and what runs them."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from core.settings.types import Framework, InferenceRuntime, Names, OptionalInt, home_folder


class ModelsSettings(BaseModel):
    """Which models run, where their files are and what runs them."""

    model_preset: Literal["offline", "commercial", "accurate", "deepface"] = Field(
        "deepface",
        description="Tested combination of models: `offline`, `commercial`, `accurate` or `deepface`. See"
        " docs/reference/models.md.",
    )
    attribute_models: Literal["", "deepface", "dlib"] = Field(
        "",
        description="Models of age and gender: `deepface` or `dlib`. Emotion and race are always DeepFace's. Empty ="
        " those of MODEL_PRESET.",
    )
    license_policy: Literal["any", "commercial"] = Field(
        "any",
        description="Allowed models: `any`, or `commercial` for models whose weights may certainly be used"
        " commercially.",
    )
    preload_models: Names = Field(
        (),
        description="Comma-separated models to load at start. Empty = the default model and detector, and the"
        " liveness models of MODEL_PRESET.",
    )
    deepface_home: Annotated[Path, BeforeValidator(home_folder)] = Field(
        default_factory=Path.home, description="Folder whose `.deepface/weights` holds the model files."
    )
    auto_fetch: bool = Field(False, description="Download missing models at start, if they are to be preloaded.")
    weights_mirror: str = Field(
        "",
        repr=False,
        description="URL or folder with the model files. Empty = their original publishers.",
    )
    gpu_device: OptionalInt = Field(
        -1, ge=-1, description="-1 = the CPU, 0 = the first GPU. Empty = the framework chooses."
    )
    deepface_engine: Framework = Field("onnx", description="Framework that runs DeepFace: onnx or tensorflow.")
    inference_runtime: InferenceRuntime = Field(
        "onnx",
        description="Runtime of the recognition and attribute models. `onnx`: float32. `onnx-int8`: 8-bit weights in"
        " large dense layers. `openvino`: bfloat16, if the processor has it. `onnx-tf32`: TF32, on a"
        " GPU.",
    )
