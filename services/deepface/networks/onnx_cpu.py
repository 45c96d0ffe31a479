"""ONNX Runtime on the processor. It keeps the optimized form of each network on disk and maps the weights from there.

To open a network of 540 MB takes 8 s and 2.3 GB of memory. Its kept form takes 0.01 s and 0.6 GB, as pages of a file
that workers share. The outputs are identical to the last bit.
"""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import onnxruntime

# Not from onnxruntime itself, because `services.deepface.hooks` replaces the class there.
from onnxruntime.capi.onnxruntime_inference_collection import InferenceSession
from typing_extensions import override

from core.files import locked, signature_of
from services.deepface.networks.runtime import Runtime, Session

logger = logging.getLogger(__name__)

_DRAFT = ".draft"
_GRAPH, _WEIGHTS = "graph.onnx", "weights.bin"
_MIN_MAPPED_BYTES = 1024  # smaller weights stay in the graph
_ERRORS = 3  # log level; some of DeepFace's networks cause harmless warnings
_PROCESSORS = Path("/proc/cpuinfo")


class OnnxRuntime(Runtime):
    """Sessions with `threads` threads. `folder` keeps their optimized networks.

    `rewritten` may return a network to run in place of the given one, or None to keep the given one.
    """

    def __init__(
        self,
        *,
        name: str,
        threads: int,
        folder: Path | None = None,
        rewritten: Callable[[str | bytes], bytes | None] | None = None,
    ) -> None:
        self.name = name
        self._rewritten = rewritten
        self._threads = threads
        self._folder = folder

    @override
    def open(self, network: str | bytes) -> Session:
        if self._folder is None:
            return _session(self._to_run(network), session_options(self._threads))
        kept = self._folder / _name_of(network)
        try:
            if not kept.is_dir():  # avoids the lock, which is held while another network is being optimized
                self._keep_once(network, kept)
            return self._kept(kept)
        except Exception as error:  # ONNX Runtime raises any error for a full disk or a damaged file
            logger.warning("network opened without its optimized form: %s", type(error).__name__)
            shutil.rmtree(kept, ignore_errors=True)
            return _session(self._to_run(network), session_options(self._threads))

    def _keep_once(self, network: str | bytes, kept: Path) -> None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with locked(kept.parent):
            if not kept.is_dir():  # another worker may have been faster
                self._keep(network, kept)

    def _keep(self, network: str | bytes, kept: Path) -> None:
        """Write the optimized form atomically, and delete the forms of earlier files of the same name."""
        draft = kept.parent / _DRAFT
        shutil.rmtree(draft, ignore_errors=True)  # left by a killed process
        draft.mkdir()
        options = session_options(self._threads)
        options.optimized_model_filepath = str(draft / _GRAPH)
        for key, value in (("file_name", _WEIGHTS), ("min_size_in_bytes", str(_MIN_MAPPED_BYTES))):
            options.add_session_config_entry(f"session.optimized_model_external_initializers_{key}", value)
        if self._rewritten is not None:  # otherwise each process packs the weights again in its own memory
            options.add_session_config_entry("session.save_external_prepacked_constant_initializers", "1")
        _session(self._to_run(network), options)
        for file in draft.iterdir():
            with file.open("rb") as content:
                os.fsync(content.fileno())
        for old in kept.parent.glob(f"{kept.name.rpartition('-')[0]}-*"):
            shutil.rmtree(old, ignore_errors=True)
        draft.rename(kept)

    def _to_run(self, network: str | bytes) -> str | bytes:
        return (self._rewritten and self._rewritten(network)) or network

    def _kept(self, kept: Path) -> Session:
        options = session_options(self._threads)
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # done already
        return _session(str(kept / _GRAPH), options)


def session_options(threads: int) -> Any:
    """The options of all sessions."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS
    options.intra_op_num_threads = threads
    # Spinning threads would use the cores that search faces for the next request.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _session(network: str | bytes, options: Any) -> Session:
    session: Session = InferenceSession(network, sess_options=options, providers=["CPUExecutionProvider"])
    return session


def _name_of(network: str | bytes) -> str:
    """A name for the optimized form. It depends on the network, the processor and the version of ONNX Runtime."""
    if isinstance(network, bytes):
        stem, content = "network", hashlib.sha256(network).hexdigest()
    else:
        path = Path(network).resolve()
        stem, content = path.stem, f"{path} {signature_of(path.stat())}"
    made_for = f"{content} {onnxruntime.__version__} {_processor()}"
    return f"{stem}-{hashlib.sha256(made_for.encode()).hexdigest()[:32]}"


def _processor() -> str:
    """The features of the processor, because the optimized form suits only processors with the same features."""
    with suppress(OSError):
        return next((line for line in _PROCESSORS.read_text().splitlines() if line.startswith("flags")), "")
    return ""
