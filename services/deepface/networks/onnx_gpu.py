"""ONNX Runtime on an NVIDIA GPU, in passes of a few sizes.

Since 1.20 (github.com/microsoft/onnxruntime, issue 23006), a session plans its convolutions again whenever the number
of faces changes. On an H200 with Facenet512, planning takes 270 ms (1.4 s with the default search) and a pass 5 ms. So
each of a few pass sizes has its own session, and passes are padded to the next size.

A session also keeps handles and memory on the GPU for each thread that ever ran it. With 16 calling threads, this was
8 GB. So all passes run on a few dedicated threads.
"""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

# Not from onnxruntime itself, because `services.deepface.hooks` replaces the class there.
from onnxruntime.capi.onnxruntime_inference_collection import InferenceSession
from typing_extensions import override

from services.deepface.networks.onnx_cpu import session_options
from services.deepface.networks.runtime import Array, Input, Runtime, Session

logger = logging.getLogger(__name__)

CUDA = "CUDAExecutionProvider"

# Two passes at once have 1.1 (VGG-Face) to 1.7 times (Facenet512) the throughput of one. A single pass waits for the
# processor to start its kernels.
PASSES_AT_ONCE = 2

# On an H200, a pass of 8 faces takes 1.1 (Facenet512) to 3.3 times (VGG-Face) the time of a pass of 1.
_FEW = 8


class GpuRuntime(Runtime):
    """Sessions on the GPU that `prepare_process` left visible, for passes of at most `batch_size` faces.

    With `tf32`, the GPU may round factors to 10 bits before it multiplies them. Without it, the cosine between an
    embedding and the one of a processor is 1.0000000.
    """

    def __init__(self, *, name: str, batch_size: int, tf32: bool = False) -> None:
        self.name = name
        self._sizes = sorted({1, min(_FEW, batch_size), batch_size})
        # An exhaustive search takes five times as long without better plans. The NHWC layout is faster only with TF32.
        self._options = {
            "use_tf32": str(int(tf32)),
            "prefer_nhwc": str(int(tf32)),
            "cudnn_conv_algo_search": "HEURISTIC",
            "arena_extend_strategy": "kSameAsRequested",  # instead of the next power of two
        }
        self._threads = ThreadPoolExecutor(PASSES_AT_ONCE, thread_name_prefix="gpu")

    @override
    def open(self, network: str | bytes, name: str = "network") -> Session:
        session = self._session(network)
        faces, *more = session.get_inputs()
        number, *_ = faces.shape
        sides = [side for side in faces.shape if isinstance(side, int)]
        if more or isinstance(number, int) or len(sides) < len(faces.shape) - 1:
            return session  # a detector takes images of any size
        first, *others = self._sizes
        return PaddedSession({first: session} | {size: self._session(network) for size in others}, sides)

    def _session(self, network: str | bytes) -> Session:
        # The processor runs only a few nodes. Fallback is off, or a GPU failure would silently move all work there.
        providers = [(CUDA, self._options), "CPUExecutionProvider"]
        return ThreadBoundSession(
            InferenceSession(network, session_options(threads=1), providers, enable_fallback=0), self._threads
        )


class ThreadBoundSession:
    """A session that runs only on these threads."""

    def __init__(self, session: Any, threads: ThreadPoolExecutor) -> None:
        self._session = session
        self._threads = threads

    def get_inputs(self) -> Sequence[Input]:
        """The inputs of the session."""
        inputs: Sequence[Input] = self._session.get_inputs()
        return inputs

    def run(self, names: Sequence[str] | None, inputs: dict[str, Array], /) -> Sequence[Array]:
        """The outputs of the session."""
        outputs: Sequence[Array] = self._threads.submit(self._session.run, names, inputs).result()
        return outputs


class PaddedSession:
    """Replaces the session of a network that takes any number of faces. Each of `sessions` gets only its own number.

    `sides` are the sides of one face in the network's input.
    """

    def __init__(self, sessions: Mapping[int, Session], sides: Sequence[int]) -> None:
        self._sessions = dict(sorted(sessions.items()))
        (self._input,) = next(iter(self._sessions.values())).get_inputs()
        for size in self._sessions:  # plans the convolutions now, so that no request has to wait for it
            self.run(None, {self._input.name: np.zeros((size, *sides), np.float32)})

    def get_inputs(self) -> Sequence[Input]:
        """The inputs of the sessions, which are all the same."""
        return [self._input]

    def run(self, names: Sequence[str] | None, inputs: dict[str, Array], /) -> list[Array]:
        """The outputs of the session, for at most as many faces as the largest session takes."""
        faces = inputs[self._input.name]
        size = next(size for size in self._sessions if size >= len(faces))
        missing = np.zeros((size - len(faces), *faces.shape[1:]), faces.dtype)
        filled = np.concatenate((faces, missing)) if len(missing) else faces
        outputs = self._sessions[size].run(names, {self._input.name: filled})
        return [output[: len(faces)] for output in outputs]


@cache
def can_use_gpu() -> bool:
    """Whether a network runs on a GPU here. ONNX Runtime's build does not tell, because drivers may be missing."""
    if CUDA not in onnxruntime.get_available_providers():
        return False
    onnxruntime.preload_dlls()  # finds CUDA's libraries inside NVIDIA's Python packages
    try:
        session = InferenceSession(_least_network(), session_options(threads=1), [CUDA], enable_fallback=0)
    except Exception as error:  # CUDA raises any error for a missing driver or device
        logger.warning("no usable GPU: %s", type(error).__name__)
        return False
    return CUDA in session.get_providers()


def _least_network() -> bytes:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("in", "out")]
    graph = helper.make_graph([helper.make_node("Abs", ["in"], ["out"])], "least", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    content: bytes = model.SerializeToString()
    return content
