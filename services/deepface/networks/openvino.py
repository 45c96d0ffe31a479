"""OpenVINO, for processors with bfloat16 in hardware, where it is several times as fast as float32.

Its package is in `requirements-openvino.txt`, not in the default requirements. OpenVINO keeps its own optimized form of
networks on disk.
"""

import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import override

from services.deepface.networks.runtime import Array, Runtime, Session

_DEVICE = "CPU"
_BF16 = "BF16"  # name of the processor's capability in OpenVINO


class OpenVinoRuntime(Runtime):
    """Sessions with `threads` threads, in bfloat16 if the processor supports it, else in float32."""

    def __init__(self, *, threads: int, folder: Path | None = None) -> None:
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
        if folder is not None:
            self._properties["CACHE_DIR"] = str(folder)

    @override
    def open(self, network: str | bytes) -> Session:
        return _OpenVinoSession(self._core.compile_model(self._core.read_model(network), _DEVICE, self._properties))


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
