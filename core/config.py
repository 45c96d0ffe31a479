"""The settings of the service: one frozen class, read once from the environment and `.env`."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from dotenv import dotenv_values
from pydantic import AliasChoices, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.setting_types import (
    Counting,
    Framework,
    GalleryKeys,
    Hosts,
    InferenceRuntime,
    Limits,
    Names,
    OptionalInt,
    Origins,
    Secrets,
    home_folder,
)

_ENV_FILE = ".env"

# Settings of earlier versions. The service refuses to start with them, because they no longer have an effect.
_GONE = ("BATCH_WAIT_MS",)


class SettingsError(ValueError):
    """Raised when a setting, or a file or database it names, stops the start. The message names it on one line."""


class Settings(BaseSettings):
    """The settings an operator can change. Each field is the environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(
        env_file=_ENV_FILE, env_file_encoding="utf-8", extra="ignore", frozen=True, populate_by_name=True
    )

    host: str = Field("0.0.0.0", description="Address the server listens on.")
    port: int = Field(5000, ge=1, le=65535, description="Port the server listens on.")
    debug: bool = Field(False, description="Reload on code changes and log more. Never starts a debugger.")

    model_preset: Literal["offline", "commercial", "accurate", "deepface"] = Field(
        "deepface",
        description="Tested combination of models: `offline`, `commercial`, `accurate` or `deepface`. See"
        " docs/models.md.",
    )
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
    antispoof_threshold: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Minimum `antispoof_score` of a real face. It must also be likelier real than either kind of"
        " spoof. 0 = only the second condition, as in DeepFace.",
    )

    faces_db_path: str = Field("", description="Folder of photos that `/find` searches. Empty = `/find` is disabled.")
    images_path: str = Field("", description="Second folder of images that requests may name by path.")
    identity_paths: Literal["deepface", "relative"] = Field(
        "deepface",
        description="How `/find` names a photo. `deepface`: FACES_DB_PATH and the path below it. `relative`: only"
        " the path below it.",
    )
    faces_db_refresh_s: float = Field(
        2, ge=0, description="Seconds after a check during which `/find` does not check the folder for changes again."
    )
    data_path: Path = Field(Path("./data"), description="Folder for everything the service writes.")
    database_url: str = Field(
        "", description="Database of the gallery: postgresql://… with pgvector. Empty = a SQLite file in DATA_PATH."
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
    deepface_home: Annotated[Path, BeforeValidator(home_folder)] = Field(
        default_factory=Path.home, description="Folder whose `.deepface/weights` holds the model files."
    )

    auto_fetch: bool = Field(False, description="Download missing models at start, if they are to be preloaded.")
    weights_mirror: str = Field(
        "",
        repr=False,
        description="URL or folder with the model files. Empty = their original publishers.",
    )

    api_keys: Secrets = Field(
        (),
        validation_alias=AliasChoices("API_KEYS", "API_KEY"),
        repr=False,
        description="Comma-separated API keys with all scopes. At least 32 characters each.",
    )
    require_auth: bool = Field(False, description="Refuse to start without any API key.")

    rate_limit: Limits = Field(
        "",
        description="Requests allowed per API key (per IP address if there are no keys). Empty = unlimited. Example:"
        " `1200/minute`.",
    )
    rate_limit_address: Limits = Field(
        "",
        description="Requests allowed per IP address, with any API keys. Same format as RATE_LIMIT. Empty = unlimited.",
    )
    rate_limit_storage: Counting = Field(
        "memory",
        repr=False,
        description="Where requests are counted: `memory` (each process on its own), `database` or redis://….",
    )
    trusted_proxies: int = Field(
        0,
        ge=0,
        description="Number of trusted reverse proxies that set X-Forwarded-For. Each must append the address it sees.",
    )
    person_lock_misses: int = Field(
        5, ge=0, description="Consecutive failed verifications after which a person is locked. 0 disables."
    )
    person_lock_s: float = Field(30, gt=0, le=86_400, description="Seconds for which a person stays locked.")
    cors_origins: Origins = Field(
        (),
        description="Comma-separated origins allowed by CORS. `*` = all origins. Example: `https://app.example.com`.",
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
    license_policy: Literal["any", "commercial"] = Field(
        "any",
        description="Allowed models: `any`, or `commercial` for models whose weights may certainly be used"
        " commercially.",
    )
    preload_models: Names = Field(
        (),
        description="Comma-separated models to load at start. Empty = the default model and detector, and the other"
        " models of MODEL_PRESET.",
    )
    workers: int = Field(1, ge=1, description="Number of server processes. Each loads its own models.")
    inference_lanes: OptionalInt = Field(
        None, ge=1, description="Concurrent inferences per process. Empty = the process's share of the cores."
    )
    batch_max_size: int = Field(8, ge=1, le=256, description="Maximum number of faces in one pass through a model.")
    queue_max: int = Field(
        64, ge=0, description="Maximum number of requests per process that wait for a lane. The service refuses more."
    )
    request_timeout_s: float = Field(
        30, gt=0, description="Maximum seconds a request waits. Then the service refuses it without starting its work."
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Minimum log level.")
    log_format: Literal["json", "text"] = Field("json", description="`json`: one object per line. `text`: for people.")

    max_image_bytes: int = Field(10_485_760, gt=0, description="Maximum size of an encoded image, in bytes.")
    max_image_pixels: int = Field(50_000_000, gt=0, description="Maximum size of an image, in pixels (width x height).")
    max_body_bytes: int = Field(33_554_432, gt=0, description="Maximum size of a request body, in bytes.")
    allow_urls: bool = Field(True, description="Allow images by URL.")
    url_allowed_hosts: Hosts = Field(
        (), description="Comma-separated hosts allowed in image URLs. Empty = any public host."
    )
    allow_paths: bool = Field(True, description="Allow images by path.")

    @property
    def cores(self) -> int:
        """Number of cores this process may use: its share of the available cores."""
        return max(1, available_cores() // self.workers)

    @property
    def lanes(self) -> int:
        """Number of concurrent inferences in this process."""
        return self.inference_lanes or self.cores

    @property
    def threads_per_lane(self) -> int:
        """Number of library threads per lane. The threads of all processes together fit the cores."""
        return max(1, self.cores // self.lanes)


def available_cores() -> int:
    """Number of cores available to this process: the smaller of its affinity and its container's quota (cgroup v2)."""
    cores = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def load_settings() -> Settings:
    """Return the settings from the environment of this process and `.env`.

    Raises:
        SettingsError: a variable is wrong. The message names each wrong variable and its problem, on one line.
    """
    given = {name.upper() for name in (*os.environ, *dotenv_values(_ENV_FILE))}
    wrong = [f"{name}: this setting no longer exists. Remove it." for name in _GONE if name in given]
    try:
        settings = Settings()
    except ValidationError as error:
        wrong += (f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors(include_input=False))
    else:
        if not wrong:
            return settings
    raise SettingsError("; ".join(wrong))
