"""OpenVINO, for processors with bfloat16 in hardware, where it is several times as fast as float32.

Its package is in `requirements-openvino.txt`, not in the default requirements. The compiled form of each network is
kept on disk. OpenVINO's own cache is not used, because it loads whatever lies in its folder.
"""

import logging
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import override

from core.encryption import Keyring
from services.deepface.networks.prepared import PreparedFiles, PreparedNetworks, prepared_name
from services.deepface.networks.runtime import Array, Runtime, Session

logger = logging.getLogger(__name__)

_DEVICE = "CPU"
_COMPILED = "compiled.blob"
_BF16 = "BF16"  # name of the processor's capability in OpenVINO


class OpenVinoRuntime(Runtime):
    """Sessions with `threads` threads, in bfloat16 if the processor supports it, else in float32.

    `folder` keeps the compiled networks, authenticated by `keyring`.
    """

    def __init__(self, *, threads: int, folder: Path | None = None, keyring: Keyring | None = None) -> None:
        # Without this, importing openvino sends telemetry to its makers.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino  # imported here because it is installed only if it is used

        self._core = openvino.Core()
        precision = "bf16" if _BF16 in self._core.get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES") else "f32"
        self.name = f"openvino-{precision}"
        self._properties = {
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": precision,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._made_for = f"{openvino.get_version()} {sorted(self._properties.items())}"
        self._prepared = None if folder is None else PreparedNetworks(folder, keyring)

    @override
    def open(self, network: str | bytes, name: str = "network") -> Session:
        if self._prepared is not None:
            try:
                name = prepared_name(network, name, self._made_for)
                return self._prepared.load(name, partial(self._write, network), self._kept)
            except Exception as error:  # OpenVINO raises any error for a full disk or a damaged file
                logger.warning("network compiled anew: %s", type(error).__name__)
        return _OpenVinoSession(self._compiled(network))

    @override
    def rejected(self) -> list[str]:
        return [] if self._prepared is None else self._prepared.rejected()

    def _compiled(self, network: str | bytes) -> Any:
        return self._core.compile_model(self._core.read_model(network), _DEVICE, self._properties)

    def _write(self, network: str | bytes, folder: Path) -> None:
        (folder / _COMPILED).write_bytes(self._compiled(network).export_model())

    def _kept(self, files: PreparedFiles) -> Session:
        return _OpenVinoSession(self._core.import_model(files.read(_COMPILED), _DEVICE, self._properties))


@dataclass(frozen=True, slots=True)
class _Input:
    name: str
    shape: list[int | str | None]


class _OpenVinoSession:
    """A session with the interface of ONNX Runtime's. Threads that call it at the same time take turns."""

    def __init__(self, compiled: Any) -> None:
        self._inputs = [
            _Input(port.any_name, [None if side.is_dynamic else side.get_length() for side in port.partial_shape])
            for port in compiled.inputs
        ]
        self._outputs = {port.any_name: number for number, port in enumerate(compiled.outputs)}
        self._request = compiled.create_infer_request()
        self._turn = threading.Lock()

    def get_inputs(self) -> list[_Input]:
        """The inputs of the network."""
        return self._inputs

    def run(self, names: Sequence[str] | None, inputs: dict[str, Array], /) -> list[Array]:
        """The named outputs; all outputs without `names`."""
        wanted = self._outputs.values() if names is None else [self._outputs[name] for name in names]
        with self._turn:
            self._request.infer(inputs)
            # Copies, because the next request overwrites these outputs.
            return [np.array(self._request.get_output_tensor(number).data) for number in wanted]
