"""The settings: one frozen class, read once from the environment and `.env`."""

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

# Settings of earlier versions. Whoever still sets one has to learn that it does nothing any more.
_GONE = ("BATCH_WAIT_MS",)


class SettingsError(ValueError):
    """The service cannot start with a setting, or with what it finds there; the message names it on one line."""


class Settings(BaseSettings):
    """What an operator can change. Every field is the environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(
        env_file=_ENV_FILE, env_file_encoding="utf-8", extra="ignore", frozen=True, populate_by_name=True
    )

    host: str = Field("0.0.0.0", description="Address the server listens on.")
    port: int = Field(5000, ge=1, le=65535, description="Port the server listens on.")
    debug: bool = Field(False, description="Reload on code changes and log more; never a debugger.")

    model_preset: Literal["offline", "commercial", "accurate", "deepface"] = Field(
        "deepface",
        description="Models that go together: `offline`, `commercial`, `accurate` or `deepface`; see docs/models.md.",
    )
    default_model: str = Field(
        "",
        validation_alias=AliasChoices("DEFAULT_MODEL", "FACE_RECOGNITION_MODEL"),
        description="Recognition model of a request that names none; empty means MODEL_PRESET's.",
    )
    default_detector: str = Field(
        "",
        validation_alias=AliasChoices("DEFAULT_DETECTOR", "FACE_DETECTOR_BACKEND"),
        description="Detector of a request that names none; empty means MODEL_PRESET's.",
    )
    default_metric: str = Field(
        "cosine",
        validation_alias=AliasChoices("DEFAULT_METRIC", "DISTANCE_METRIC"),
        description="Distance metric of a request that names none: cosine, euclidean, euclidean_l2 or angular.",
    )
    default_align: bool = Field(True, description="Whether faces are aligned when a request does not say.")
    default_enforce_detection: bool = Field(
        True, description="Whether a photo without a face is an error when a request does not say."
    )
    default_normalization: str = Field("base", description="Input normalisation of a request that names none.")
    default_expand_percentage: int = Field(
        0, ge=0, le=100, description="By how many percent face boxes grow when a request does not say."
    )
    default_alignment: Literal["auto", "eyes", "template"] = Field(
        "auto",
        description="How faces are aligned when a request does not say: `template` as the model was trained, `eyes` as"
        " DeepFace does it, `auto` by the template where its threshold has been measured.",
    )
    detection: Literal["bounded", "full", "deepface"] = Field(
        "bounded",
        description="How faces are searched when a request does not say: `bounded` in a small copy, `full` at full size"
        " too, `deepface` as DeepFace does it.",
    )
    detection_max_side_px: OptionalInt = Field(
        None,
        ge=160,
        le=4096,
        description="Long side of the copy that `bounded` searches, in pixels; empty means the detector's own.",
    )
    antispoof_threshold: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Least `antispoof_score` of a real face, which has to be likelier than either kind of spoof as"
        " well; 0 leaves it at that, as DeepFace does.",
    )

    faces_db_path: str = Field("", description="Folder of photos that `/find` searches; empty turns `/find` off.")
    images_path: str = Field("", description="A second folder from which requests may name images by path.")
    identity_paths: Literal["deepface", "relative"] = Field(
        "deepface",
        description="How `/find` names a photo: `deepface` gives FACES_DB_PATH and what is below it, `relative` only"
        " the latter.",
    )
    faces_db_refresh_s: float = Field(
        2, ge=0, description="Seconds during which `/find` does not look again whether the folder has changed."
    )
    data_path: Path = Field(Path("./data"), description="Folder of everything the service writes.")
    database_url: str = Field(
        "", description="Where the gallery is: postgresql://…, with pgvector; empty means a SQLite file in DATA_PATH."
    )
    gallery_key: GalleryKeys = Field(
        (),
        repr=False,
        description="Encrypts the gallery and the index: 64 hexadecimal digits; while it is changed the new one and the"
        " old one, by comma.",
    )
    record_verifications: bool = Field(
        True, description="Whether each decision of `/verify` about two images is kept, without these and embeddings."
    )
    deepface_home: Annotated[Path, BeforeValidator(home_folder)] = Field(
        default_factory=Path.home, description="Folder whose `.deepface/weights` holds the model files."
    )

    auto_fetch: bool = Field(
        False, description="Whether the server fetches what it preloads and does not have, when it starts."
    )
    weights_mirror: str = Field(
        "",
        repr=False,
        description="URL or folder that has the model files; empty means where they were published.",
    )

    api_keys: Secrets = Field(
        (),
        validation_alias=AliasChoices("API_KEYS", "API_KEY"),
        repr=False,
        description="Keys with all scopes, of at least 32 characters each, by comma.",
    )
    require_auth: bool = Field(False, description="Whether the server refuses to start without any key.")

    rate_limit: Limits = Field(
        "", description="Requests a key may make, or without keys an address: `1200/minute`; empty means any number."
    )
    rate_limit_address: Limits = Field(
        "", description="Requests an address may make with whatever keys, as RATE_LIMIT; empty means any number."
    )
    rate_limit_storage: Counting = Field(
        "memory",
        repr=False,
        description="Where they are counted: `memory` (by each process for itself), `database`, or redis://….",
    )
    trusted_proxies: int = Field(
        0, ge=0, description="Proxies in front, of which each adds the address it sees to X-Forwarded-For."
    )
    person_lock_misses: int = Field(
        5, ge=0, description="Times in a row that `/verify` may not find a person before it locks the person; 0 is off."
    )
    person_lock_s: float = Field(30, gt=0, le=86_400, description="Seconds for which a person is locked.")
    cors_origins: Origins = Field(
        (), description="Foreign pages whose scripts may ask, by comma: https://app.example.com; `*` means all."
    )

    gpu_device: OptionalInt = Field(
        -1, ge=-1, description="-1 runs on the CPU, 0 on the first GPU; empty lets the framework choose."
    )
    deepface_engine: Framework = Field("onnx", description="Framework DeepFace runs on: onnx or tensorflow.")
    inference_runtime: InferenceRuntime = Field(
        "onnx",
        description="What runs the recognition and attribute networks: `onnx` in float32; `onnx-int8` with weights of 8"
        " bits in large dense layers; `openvino` in bfloat16, where the processor has it; `onnx-tf32` in TF32, on a"
        " GPU.",
    )
    license_policy: Literal["any", "commercial"] = Field(
        "any",
        description="Which models may be used: `any`, or `commercial`: those whose weights may certainly be used"
        " commercially.",
    )
    preload_models: Names = Field(
        (),
        description="Models to load at start, by name and comma; empty means the default model and"
        " detector, and what else MODEL_PRESET has.",
    )
    workers: int = Field(1, ge=1, description="Server processes; each loads the models anew.")
    inference_lanes: OptionalInt = Field(
        None, ge=1, description="Inferences that run at once in a process; empty means its share of the cores."
    )
    batch_max_size: int = Field(8, ge=1, le=256, description="Faces that go through a network together at most.")
    queue_max: int = Field(64, ge=0, description="Requests of a process that may wait for a lane; more are refused.")
    request_timeout_s: float = Field(
        30, gt=0, description="Seconds after which a request that still waits is refused, and its work not started."
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_format: Literal["json", "text"] = Field("json", description="`json`: one object a line; `text` for people.")

    max_image_bytes: int = Field(10_485_760, gt=0, description="Largest encoded image, in bytes.")
    max_image_pixels: int = Field(50_000_000, gt=0, description="Largest image, in pixels (width x height).")
    max_body_bytes: int = Field(33_554_432, gt=0, description="Largest request body, in bytes.")
    allow_urls: bool = Field(True, description="Whether requests may name images by URL.")
    url_allowed_hosts: Hosts = Field(
        (), description="The only hosts images may come from, by comma; empty means any public host."
    )
    allow_paths: bool = Field(True, description="Whether requests may name images by path.")

    @property
    def cores(self) -> int:
        """This process's share of the cores."""
        return max(1, available_cores() // self.workers)

    @property
    def lanes(self) -> int:
        """Inferences that run at once in this process."""
        return self.inference_lanes or self.cores

    @property
    def threads_per_lane(self) -> int:
        """Threads of libraries that each lane has for itself, so that all of all processes together fit the cores."""
        return max(1, self.cores // self.lanes)


def available_cores() -> int:
    """Cores this process may use: its affinity, and a container's quota (cgroup v2) where that is less."""
    cores = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def load_settings() -> Settings:
    """The settings of this process's environment and `.env`.

    Raises:
        SettingsError: naming each wrong variable and what is wrong with it, on one line.
    """
    given = {name.upper() for name in (*os.environ, *dotenv_values(_ENV_FILE))}
    wrong = [f"{name}: this setting is gone; remove it." for name in _GONE if name in given]
    try:
        settings = Settings()
    except ValidationError as error:
        wrong += (f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors(include_input=False))
    else:
        if not wrong:
            return settings
    raise SettingsError("; ".join(wrong))
