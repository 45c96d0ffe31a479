"""ONNX Runtime on the processor. It keeps the optimized form of each network on disk and maps the weights from there.

To open a network of 540 MB takes 8 s and 2.3 GB of memory. Its kept form takes the time to hash it and 0.6 GB, as pages
of a file that workers share. The outputs are identical to the last bit.
"""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import onnxruntime

# Not from onnxruntime itself, because `services.deepface.hooks` replaces the class there.
from onnxruntime.capi.onnxruntime_inference_collection import InferenceSession
from typing_extensions import override

from core.encryption import Keyring
from services.deepface.networks.prepared import PreparedFiles, PreparedNetworks, prepared_name
from services.deepface.networks.runtime import Runtime, Session

logger = logging.getLogger(__name__)

_GRAPH, _WEIGHTS = "graph.onnx", "weights.bin"
_MIN_MAPPED_BYTES = 1024  # smaller weights stay in the graph
_ERRORS = 3  # log level; some of DeepFace's networks cause harmless warnings
_MADE_FOR = onnxruntime.__version__


class OnnxRuntime(Runtime):
    """Sessions with `threads` threads. `folder` keeps their optimized networks, authenticated by `keyring`.

    `rewritten` may return a network to run in place of the given one, or None to keep the given one.
    """

    def __init__(
        self,
        *,
        name: str,
        threads: int,
        folder: Path | None = None,
        keyring: Keyring | None = None,
        rewritten: Callable[[str | bytes], bytes | None] | None = None,
    ) -> None:
        self.name = name
        self._rewritten = rewritten
        self._threads = threads
        self._prepared = None if folder is None else PreparedNetworks(folder, keyring)

    @override
    def open(self, network: str | bytes, name: str = "network") -> Session:
        if self._prepared is not None:
            try:
                name = prepared_name(network, name, _MADE_FOR)
                return self._prepared.load(name, partial(self._optimize, network), self._kept)
            except Exception as error:  # ONNX Runtime raises any error for a full disk or a damaged file
                logger.warning("network opened without its optimized form: %s", type(error).__name__)
        return _session(self._to_run(network), session_options(self._threads))

    @override
    def rejected(self) -> list[str]:
        return [] if self._prepared is None else self._prepared.rejected()

    def _optimize(self, network: str | bytes, folder: Path) -> None:
        """Write the optimized form into the folder."""
        options = session_options(self._threads)
        options.optimized_model_filepath = str(folder / _GRAPH)
        for key, value in (("file_name", _WEIGHTS), ("min_size_in_bytes", str(_MIN_MAPPED_BYTES))):
            options.add_session_config_entry(f"session.optimized_model_external_initializers_{key}", value)
        if self._rewritten is not None:  # otherwise each process packs the weights again in its own memory
            options.add_session_config_entry("session.save_external_prepacked_constant_initializers", "1")
        _session(self._to_run(network), options)

    def _to_run(self, network: str | bytes) -> str | bytes:
        return (self._rewritten and self._rewritten(network)) or network

    def _kept(self, files: PreparedFiles) -> Session:
        options = session_options(self._threads)
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # done already
        graph = onnx.load_model_from_string(files.read(_GRAPH))
        outside = [
            entry for tensor in graph.graph.initializer for entry in tensor.external_data if entry.key == "location"
        ]
        if not outside:
            return _session(graph.SerializeToString(), options)
        # ONNX Runtime maps the very file that was checked, by its descriptor, whatever its name leads to meanwhile.
        with files.checked(_WEIGHTS) as weights:
            for entry in outside:
                entry.value = f"proc/self/fd/{weights.fileno()}"
            options.add_session_config_entry("session.model_external_initializers_file_folder_path", "/")
            return _session(graph.SerializeToString(), options)


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
