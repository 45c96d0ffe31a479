"""Types that parse the values of settings from the environment and say what is wrong with a bad value."""

import importlib.util
import re
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, Literal, get_args

import limits
from limits.storage import storage_from_string
from pydantic import AfterValidator, BeforeValidator, ValidationInfo
from pydantic_settings import NoDecode

from core.images.private_hosts import parse_private_host

CPU = -1  # value of GPU_DEVICE

DoorName = Literal["localai", "deepface", "dev", "face-api", "compreface", "compreface-static", "deepstack"]

# Those that are open by default: not the one that takes API keys in the path, where proxies and browsers keep them.
DOORS: tuple[DoorName, ...] = tuple(name for name in get_args(DoorName) if name != "compreface-static")

_MIN_SECRET = 32  # characters
_MAX_GALLERY_KEYS = 2  # the current key and, during rotation, the previous key

# Scheme, host and port, as browsers send them (fetch.spec.whatwg.org, "Origin header").
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://([a-z0-9.-]+|\[(?P<ipv6>[0-9a-f:]+)\])(:\d{1,5})?", re.ASCII)

_PATH_PREFIX = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*")

_HOST_NAME = re.compile(r"\*|[a-z0-9._-]+", re.ASCII)  # names of other scripts as browsers send them: xn--…


def _split(value: object) -> object:
    """Return `"a, b"` as `("a", "b")`: lists are comma-separated in the environment."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _lower(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.lower().rstrip(".") for name in names)


def _ports(values: tuple[int, ...]) -> tuple[int, ...]:
    if not values or not all(0 < port < 65_536 for port in values):
        raise ValueError("write one or more ports from 1 to 65535, such as 80,443,8080")
    return values


def _private_hosts(entries: tuple[str, ...]) -> tuple[str, ...]:
    for entry in entries:
        parse_private_host(entry)
    return entries


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


def home_folder(value: object) -> object:
    """Return the path with `~` expanded. An empty variable is the home folder."""
    return Path(value or "~").expanduser() if isinstance(value, str) else value


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _sendable(secrets: tuple[str, ...]) -> tuple[str, ...]:
    if any(len(secret) < _MIN_SECRET for secret in secrets):
        raise ValueError(
            f"each API key must have at least {_MIN_SECRET} characters, because shorter ones can be guessed."
            " Run: openssl rand -hex 32"
        )
    if not all(secret.isascii() and secret.isprintable() for secret in secrets):
        raise ValueError(
            "use only printable ASCII in API keys, because a header cannot carry more. Run: openssl rand -hex 32"
        )
    return secrets


def _of_hexadecimal_digits(keys: tuple[str, ...]) -> tuple[str, ...]:
    if len(keys) > _MAX_GALLERY_KEYS or not all(re.fullmatch("[0-9a-fA-F]{64}", key) for key in keys):
        raise ValueError("give one key or NEW,OLD, each with 64 hex digits. Run: openssl rand -hex 32")
    return keys


def _engine(engine: object) -> object:
    """Return the framework for DeepFace, if it is installed."""
    if engine == "pytorch":  # earlier versions accepted it
        raise ValueError("pytorch is no longer supported. Use onnx or tensorflow")
    if engine == "tensorflow" and importlib.util.find_spec("tensorflow") is None:
        raise ValueError("TensorFlow is not installed. Run: pip install -r requirements.txt")
    return engine


def _runnable(runtime: str, info: ValidationInfo) -> str:
    """Return the runtime, if it is installed and supports the framework and device of the earlier settings."""
    if runtime == "openvino" and importlib.util.find_spec("openvino") is None:
        raise ValueError("OpenVINO is not installed. Run: pip install -r requirements-openvino.txt")
    device = info.data.get("gpu_device")
    fits_device = device is not None and (device != CPU if runtime == "onnx-tf32" else device == CPU)
    if runtime != "onnx" and not (fits_device and info.data.get("deepface_engine") == "onnx"):
        needed = "a GPU number in GPU_DEVICE" if runtime == "onnx-tf32" else "GPU_DEVICE=-1"
        raise ValueError(f"{runtime} requires DEEPFACE_ENGINE=onnx and {needed}")
    return runtime


def _limits(value: str) -> str:
    try:
        items = limits.parse_many(value) if value else []
    except ValueError:
        items = None
    if items is None or not all(item.amount and item.get_expiry() for item in items):
        raise ValueError("write comma-separated limits such as 1200/minute or 20/second")
    return value


def _counting(value: str) -> str:
    if value in ("memory", "database"):
        return value
    if not value.startswith(("redis://", "rediss://", "redis+unix://")):
        raise ValueError("use memory, database or redis://…")
    try:
        storage_from_string(value)  # does not connect yet
    except ValueError:
        raise ValueError("the URL is not valid. Example: redis://localhost:6379") from None
    return value


def _origins(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        found = _ORIGIN.fullmatch(value)
        if found is None:
            raise ValueError("write each origin in lower case and without a path: https://app.example.com")
        if found["ipv6"] and not _is_short_ipv6(found["ipv6"]):
            raise ValueError("write IPv6 addresses in their shortest form: http://[::1]:3000")
    return values


def _is_short_ipv6(address: str) -> bool:
    """Return whether this is an IPv6 address as browsers write it."""
    try:
        return IPv6Address(address).compressed == address
    except ValueError:
        return False


def _without_brackets(host: str) -> str:
    return host.strip("[]") if ":" in host else host


def _path_prefix(value: str) -> str:
    prefix = value.rstrip("/")
    if not _PATH_PREFIX.fullmatch(prefix):
        raise ValueError("write one path that begins with a slash: /face-api")
    return prefix


def _host_names(names: tuple[str, ...]) -> tuple[str, ...]:
    if not all(_HOST_NAME.fullmatch(name) for name in names):
        raise ValueError("write names without a scheme, port or path: faces.example.com")
    return names


Framework = Annotated[Literal["onnx", "tensorflow"], BeforeValidator(_engine)]
InferenceRuntime = Annotated[Literal["onnx", "onnx-int8", "onnx-tf32", "openvino"], AfterValidator(_runnable)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Secrets = Annotated[Names, AfterValidator(_sendable)]
Limits = Annotated[str, AfterValidator(_limits)]
Counting = Annotated[str, AfterValidator(_counting)]
Origins = Annotated[Names, AfterValidator(_origins)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]
Host = Annotated[str, AfterValidator(_without_brackets)]
PathPrefix = Annotated[str, AfterValidator(_path_prefix)]
GalleryKeys = Annotated[Names, AfterValidator(_of_hexadecimal_digits)]
Ports = Annotated[tuple[int, ...], NoDecode, BeforeValidator(_split), AfterValidator(_ports)]
PrivateHosts = Annotated[Names, AfterValidator(_private_hosts)]
Hosts = Annotated[Names, AfterValidator(_lower)]
HostNames = Annotated[Hosts, AfterValidator(_host_names)]
DoorNames = Annotated[tuple[DoorName, ...], NoDecode, BeforeValidator(_split)]
OptionalInt = Annotated[int | None, BeforeValidator(_none_if_empty)]
