"""OpenVINO, for processors that multiply bfloat16 numbers in hardware: there it is several times as fast as float32.

Its package is not among the requirements: `requirements-openvino.txt`. It keeps its own optimised form on disk.
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
_BF16 = "BF16"  # of the capabilities it says a processor has


class OpenVinoRuntime(Runtime):
    """Sessions of `threads` threads, in bfloat16 where the processor has it, else in float32."""

    def __init__(self, *, threads: int, folder: Path | None = None) -> None:
        # Without this the next line reports to OpenVINO's makers that it was imported.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino  # only where it was chosen: it need not be installed

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
    """Called as ONNX Runtime's sessions are; of threads that call it at once one waits for the other."""

    def __init__(self, compiled: Any) -> None:
        self._inputs = [
            _Input(port.any_name, [None if side.is_dynamic else side.get_length() for side in port.partial_shape])
            for port in compiled.inputs
        ]
        self._outputs = {port.any_name: number for number, port in enumerate(compiled.outputs)}
        self._request = compiled.create_infer_request()
        self._turn = threading.Lock()

    def get_inputs(self) -> list[_Input]:
        """As the session's."""
        return self._inputs

    def run(self, names: Sequence[str] | None, inputs: dict[str, Array], /) -> list[Array]:
        """As the session's."""
        wanted = self._outputs.values() if names is None else [self._outputs[name] for name in names]
        with self._turn:
            self._request.infer(inputs)
            # Copies, for the request writes the next outputs where it has written these.
            return [np.array(self._request.get_output_tensor(number).data) for number in wanted]
