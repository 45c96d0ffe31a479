"""ONNX Runtime on an NVIDIA GPU, in passes of a few sizes.

Since 1.20 (github.com/microsoft/onnxruntime, issue 23006) a session plans its convolutions anew whenever it sees
another number of faces than the last time: on an H200 that takes Facenet512 270 ms, and 1.4 s by the default way of
planning, for a pass of 5 ms. So there is a session for each of a few numbers of faces, and passes are filled up to it.

A session also keeps handles and memory on the GPU for each thread that ever ran it: 16 threads that called a service
had taken 8 GB. So passes run on few threads, whoever asks for them.
"""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

# Not from onnxruntime itself, where `deepface_hooks` puts another in its place for DeepFace.
from onnxruntime.capi.onnxruntime_inference_collection import InferenceSession
from typing_extensions import override

from services.deepface.networks.onnx_cpu import session_options
from services.deepface.networks.runtime import Array, Input, Runtime, Session

logger = logging.getLogger(__name__)

CUDA = "CUDAExecutionProvider"

# Two do 1.1 (VGG-Face) to 1.7 times (Facenet512) as much as one, which waits for the processor to start its kernels.
PASSES_AT_ONCE = 2

# A pass of 8 takes an H200 1.1 (Facenet512) to 3.3 times (VGG-Face) as long as one of 1.
_FEW = 8


class GpuRuntime(Runtime):
    """Sessions on the GPU that `prepare_process` has left visible, for passes of at most `batch_size` faces.

    A GPU may round factors to 10 bits (TF32) before it multiplies them; without `tf32` it does not, and the cosine of
    an embedding with a processor's is 1.0000000.
    """

    def __init__(self, *, name: str, batch_size: int, tf32: bool = False) -> None:
        self.name = name
        self._sizes = sorted({1, min(_FEW, batch_size), batch_size})
        # Planning by trial takes five times as long, and the plans are no better. Channels last suit TF32 alone.
        self._options = {
            "use_tf32": str(int(tf32)),
            "prefer_nhwc": str(int(tf32)),
            "cudnn_conv_algo_search": "HEURISTIC",
            "arena_extend_strategy": "kSameAsRequested",  # in place of the next power of two
        }
        self._threads = ThreadPoolExecutor(PASSES_AT_ONCE, thread_name_prefix="gpu")

    @override
    def open(self, network: str | bytes) -> Session:
        session = self._session(network)
        faces, *more = session.get_inputs()
        number, *_ = faces.shape
        sides = [side for side in faces.shape if isinstance(side, int)]
        if more or isinstance(number, int) or len(sides) < len(faces.shape) - 1:
            return session  # a detector's photos have any size
        first, *others = self._sizes
        return FixedBatches({first: session} | {size: self._session(network) for size in others}, sides)

    def _session(self, network: str | bytes) -> Session:
        # The processor runs next to nothing of it. A fallback would go on there in silence when the GPU fails.
        providers = [(CUDA, self._options), "CPUExecutionProvider"]
        return _Apart(
            InferenceSession(network, session_options(threads=1), providers, enable_fallback=0), self._threads
        )


class _Apart:
    """A session that runs on these threads alone."""

    def __init__(self, session: Any, threads: ThreadPoolExecutor) -> None:
        self._session = session
        self._threads = threads

    def get_inputs(self) -> Sequence[Input]:
        """As the session's."""
        inputs: Sequence[Input] = self._session.get_inputs()
        return inputs

    def run(self, names: Sequence[str] | None, inputs: dict[str, Array], /) -> Sequence[Array]:
        """As the session's."""
        outputs: Sequence[Array] = self._threads.submit(self._session.run, names, inputs).result()
        return outputs


class FixedBatches:
    """Stands for the session of a network that takes any number of faces; each of `sessions` sees only its number.

    `sides` are those of a face, as the network takes it.
    """

    def __init__(self, sessions: Mapping[int, Session], sides: Sequence[int]) -> None:
        self._sessions = dict(sorted(sessions.items()))
        (self._input,) = next(iter(self._sessions.values())).get_inputs()
        for size in self._sessions:  # so that it is not a request for which convolutions are planned
            self.run(None, {self._input.name: np.zeros((size, *sides), np.float32)})

    def get_inputs(self) -> Sequence[Input]:
        """As the session's."""
        return [self._input]

    def run(self, names: Sequence[str] | None, inputs: dict[str, Array], /) -> list[Array]:
        """As the session's, for no more faces than the largest takes."""
        faces = inputs[self._input.name]
        size = next(size for size in self._sessions if size >= len(faces))
        missing = np.zeros((size - len(faces), *faces.shape[1:]), faces.dtype)
        filled = np.concatenate((faces, missing)) if len(missing) else faces
        outputs = self._sessions[size].run(names, {self._input.name: filled})
        return [output[: len(faces)] for output in outputs]


@cache
def can_use_gpu() -> bool:
    """Whether networks do run on a GPU here; what ONNX Runtime was built for says nothing of drivers and devices."""
    if CUDA not in onnxruntime.get_available_providers():
        return False
    onnxruntime.preload_dlls()  # finds CUDA's libraries inside NVIDIA's Python packages
    try:
        session = InferenceSession(_least_network(), session_options(threads=1), [CUDA], enable_fallback=0)
    except Exception as error:  # whatever CUDA makes of a missing driver or device
        logger.warning("no GPU can be used: %s", type(error).__name__)
        return False
    return CUDA in session.get_providers()


def _least_network() -> bytes:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("in", "out")]
    graph = helper.make_graph([helper.make_node("Abs", ["in"], ["out"])], "least", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    content: bytes = model.SerializeToString()
    return content
