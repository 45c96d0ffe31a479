"""Selects the runtime for INFERENCE_RUNTIME."""

from pathlib import Path

from core.encryption import Keyring
from services.deepface.networks.int8 import with_int8_weights
from services.deepface.networks.onnx_cpu import OnnxRuntime
from services.deepface.networks.onnx_gpu import GpuRuntime
from services.deepface.networks.openvino import OpenVinoRuntime
from services.deepface.networks.runtime import Runtime


def make_runtime(
    name: str, exact: Runtime, *, threads: int, batch_size: int, cache: Path | None, keyring: Keyring | None = None
) -> Runtime:
    """The runtime of the recognition and attribute networks for a value of INFERENCE_RUNTIME. `onnx` is `exact`.

    `cache` is a folder for prepared networks, which `keyring` authenticates. None prepares them again each time.
    """
    folder = None if cache is None else cache / name
    match name:
        case "openvino":
            return OpenVinoRuntime(threads=threads, folder=folder, keyring=keyring)
        case "onnx-int8":
            return OnnxRuntime(name=name, threads=threads, folder=folder, keyring=keyring, rewritten=with_int8_weights)
        case "onnx-tf32":
            return GpuRuntime(name=name, batch_size=batch_size, tf32=True)
    return exact
