"""The settings: one frozen class, read once from the environment and `.env`."""

import importlib.util
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import limits
from limits.storage import storage_from_string
from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_LEAST_SECRET = 32  # characters
_MOST_GALLERY_KEYS = 2  # the one that seals, and while it is replaced the one before

# Scheme, host and port, as browsers send it (fetch.spec.whatwg.org, "Origin header"); but for addresses of IPv6.
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[a-z0-9.-]+(:\d{1,5})?", re.ASCII)


class SettingsError(ValueError):
    """A setting has a value the service cannot start with; the message names it on one line."""


def _split(value: object) -> object:
    """`"a, b"` as `("a", "b")`, so that lists are written in the environment with commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _lower(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.lower().rstrip(".") for name in names)


def _home(value: object) -> object:
    """`~` as the home folder, which is also what an empty variable means."""
    return Path(value or "~").expanduser() if isinstance(value, str) else value


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _sendable(secrets: tuple[str, ...]) -> tuple[str, ...]:
    if any(len(secret) < _LEAST_SECRET for secret in secrets):
        raise ValueError(f"each key has at least {_LEAST_SECRET} characters")
    if not all(secret.isascii() and secret.isprintable() for secret in secrets):
        raise ValueError("a key has other characters than ASCII's, which a header cannot carry: openssl rand -hex 32")
    return secrets


def _of_hexadecimal_digits(keys: tuple[str, ...]) -> tuple[str, ...]:
    if len(keys) > _MOST_GALLERY_KEYS or not all(re.fullmatch("[0-9a-fA-F]{64}", key) for key in keys):
        raise ValueError("one key, or two by comma, each of 64 hexadecimal digits: openssl rand -hex 32")
    return keys


def _installed(engine: str) -> str:
    if engine == "tensorflow" and importlib.util.find_spec("tensorflow") is None:
        raise ValueError("TensorFlow is not installed: pip install -r requirements.txt")
    return engine


def _limits(value: str) -> str:
    try:
        items = limits.parse_many(value) if value else []
    except ValueError:
        items = None
    if items is None or not all(item.amount and item.get_expiry() for item in items):
        raise ValueError("write it as 1200/minute or 20/second, several by comma")
    return value


def _counting(value: str) -> str:
    if value in ("memory", "database"):
        return value
    if not value.startswith(("redis://", "rediss://", "redis+unix://")):
        raise ValueError("it is memory, database or redis://…")
    if importlib.util.find_spec("redis") is None:
        raise ValueError("the package redis is not installed: pip install redis")
    try:
        storage_from_string(value)  # connects to nothing yet
    except ValueError:
        raise ValueError("the URL cannot be read") from None
    return value


def _origins(values: tuple[str, ...]) -> tuple[str, ...]:
    if not all(_ORIGIN.fullmatch(value) for value in values):
        raise ValueError("write each as https://app.example.com, without a path, in small letters")
    return values


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Secrets = Annotated[Names, AfterValidator(_sendable)]
Limits = Annotated[str, AfterValidator(_limits)]
Counting = Annotated[str, AfterValidator(_counting)]
Origins = Annotated[Names, AfterValidator(_origins)]
GalleryKeys = Annotated[Names, AfterValidator(_of_hexadecimal_digits)]
Hosts = Annotated[Names, AfterValidator(_lower)]
OptionalInt = Annotated[int | None, BeforeValidator(_none_if_empty)]


class Settings(BaseSettings):
    """What an operator can change. Every field is the environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, populate_by_name=True
    )

    host: str = Field("0.0.0.0", description="Address the server listens on.")
    port: int = Field(5000, ge=1, le=65535, description="Port the server listens on.")
    debug: bool = Field(False, description="Reload on code changes and log more; never a debugger.")

    default_model: str = Field(
        "VGG-Face",
        validation_alias=AliasChoices("DEFAULT_MODEL", "FACE_RECOGNITION_MODEL"),
        description="Recognition model of a request that names none.",
    )
    default_detector: str = Field(
        "opencv",
        validation_alias=AliasChoices("DEFAULT_DETECTOR", "FACE_DETECTOR_BACKEND"),
        description="Detector of a request that names none.",
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
        True, description="Whether each decision of `/verify` is kept, without images and embeddings."
    )
    deepface_home: Annotated[Path, BeforeValidator(_home)] = Field(
        default_factory=Path.home, description="Folder whose `.deepface/weights` holds the model files."
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
    deepface_engine: Annotated[Literal["onnx", "tensorflow"], AfterValidator(_installed)] = Field(
        "onnx", description="Framework DeepFace runs on."
    )
    preload_models: Names = Field(
        (), description="Models to load at start, by name and comma; empty means the default model and detector."
    )
    workers: int = Field(1, ge=1, description="Server processes; each loads the models anew.")
    inference_lanes: OptionalInt = Field(
        None, ge=1, description="Inferences that run at once in a process; empty means its share of the cores."
    )
    batch_max_size: int = Field(8, ge=1, le=256, description="Faces that go through a network together at most.")
    batch_wait_ms: int = Field(
        0,
        ge=0,
        le=1000,
        description="Milliseconds a face may wait for others to go through a network with it.",
    )
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
    try:
        return Settings()
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors(include_input=False))
        raise SettingsError("; ".join(wrong)) from None
