"""How the values of settings are written in the environment, and what is wrong with those that cannot be read."""

import importlib.util
import re
from pathlib import Path
from typing import Annotated, Literal

import limits
from limits.storage import storage_from_string
from pydantic import AfterValidator, BeforeValidator, ValidationInfo
from pydantic_settings import NoDecode

CPU = -1  # of GPU_DEVICE

_LEAST_SECRET = 32  # characters
_MOST_GALLERY_KEYS = 2  # the one that seals, and while it is replaced the one before

# Scheme, host and port, as browsers send it (fetch.spec.whatwg.org, "Origin header"); but for addresses of IPv6.
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[a-z0-9.-]+(:\d{1,5})?", re.ASCII)


def _split(value: object) -> object:
    """`"a, b"` as `("a", "b")`, so that lists are written in the environment with commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _lower(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.lower().rstrip(".") for name in names)


def home_folder(value: object) -> object:
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


def _engine(engine: object) -> object:
    """The framework that DeepFace runs on, if it is installed."""
    if engine == "pytorch":  # which earlier versions took
        raise ValueError("pytorch is gone; use onnx or tensorflow")
    if engine == "tensorflow" and importlib.util.find_spec("tensorflow") is None:
        raise ValueError("TensorFlow is not installed: pip install -r requirements.txt")
    return engine


def _runnable(runtime: str, info: ValidationInfo) -> str:
    """A runtime that is installed, and goes with the framework and the device that the settings name before it."""
    if runtime == "openvino" and importlib.util.find_spec("openvino") is None:
        raise ValueError("OpenVINO is not installed: pip install -r requirements-openvino.txt")
    device = info.data.get("gpu_device")
    fits_device = device is not None and (device != CPU if runtime == "onnx-tf32" else device == CPU)
    if runtime != "onnx" and not (fits_device and info.data.get("deepface_engine") == "onnx"):
        needed = "the number of a GPU in GPU_DEVICE" if runtime == "onnx-tf32" else "GPU_DEVICE=-1"
        raise ValueError(f"{runtime} goes with DEEPFACE_ENGINE=onnx and {needed}")
    return runtime


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


Framework = Annotated[Literal["onnx", "tensorflow"], BeforeValidator(_engine)]
InferenceRuntime = Annotated[Literal["onnx", "onnx-int8", "onnx-tf32", "openvino"], AfterValidator(_runnable)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Secrets = Annotated[Names, AfterValidator(_sendable)]
Limits = Annotated[str, AfterValidator(_limits)]
Counting = Annotated[str, AfterValidator(_counting)]
Origins = Annotated[Names, AfterValidator(_origins)]
GalleryKeys = Annotated[Names, AfterValidator(_of_hexadecimal_digits)]
Hosts = Annotated[Names, AfterValidator(_lower)]
OptionalInt = Annotated[int | None, BeforeValidator(_none_if_empty)]
