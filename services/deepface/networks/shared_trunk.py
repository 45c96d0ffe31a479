"""Networks that share a trunk: the trunk from `trunk_split.split` runs once, then the head of each network."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import numpy as np

from core.encryption import Keyring
from services.deepface.networks.batching import BatchedSession, Batcher
from services.deepface.networks.prepared import NotAuthentic, PreparedNetworks
from services.deepface.networks.runtime import Array, Input, Runtime, Session
from services.deepface.networks.trunk_split import Split, split_in
from services.models.catalogue import catalogue
from services.models.catalogue.types import Model
from services.models.weights import Weights

logger = logging.getLogger(__name__)


class Trunk:
    """The first layers of several networks. Inside `remembering`, they run once for the same faces."""

    def __init__(self, network: BatchedSession) -> None:
        self._network = network
        self._thread = threading.local()

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """Reuse the features of faces that this thread already computed, until the block ends."""
        self._thread.seen = []
        try:
            yield
        finally:
            self._thread.seen = None

    def get_inputs(self) -> Sequence[Input]:
        """The inputs of the trunk."""
        return self._network.get_inputs()

    def features(self, faces: Array) -> Array:
        """The input of the heads, for faces as the whole networks take them."""
        seen: list[tuple[Array, Array]] | None = getattr(self._thread, "seen", None)
        for before, features in seen or ():
            if np.array_equal(before, faces):
                return features
        (features,) = self._network.run(None, {self.get_inputs()[0].name: faces})
        if seen is not None:
            seen.append((faces, features))
        return features


class HeadSession:
    """Replaces the session of a whole network in DeepFace's client: the trunk, then the network's head."""

    def __init__(self, trunk: Trunk, head: BatchedSession) -> None:
        self._trunk = trunk
        self._head = head

    def get_inputs(self) -> Sequence[Input]:
        """The inputs of the whole network."""
        return self._trunk.get_inputs()

    def run(self, names: Sequence[str] | None, inputs: dict[str, Array], /) -> list[Array]:
        """The outputs of the whole network."""
        features = self._trunk.features(inputs[self.get_inputs()[0].name])
        return self._head.run(names, {self._head.get_inputs()[0].name: features})


class SharedTrunk:
    """The common trunk of attribute networks. The networks that share it are found when the first one is loaded."""

    def __init__(
        self, weights: Weights, passes: Batcher, runtime: Runtime, folder: Path | None, keyring: Keyring | None = None
    ) -> None:
        self._weights = weights
        self._passes = passes
        self._runtime = runtime
        self._prepared = None if folder is None else PreparedNetworks(folder, keyring)
        self._lock = threading.Lock()
        self._is_known = folder is None
        self._split: Split | None = None
        self._trunk: Trunk | None = None

    @property
    def models(self) -> list[str]:
        """The names of the models that share the trunk."""
        return sorted(self._split.heads) if self._split is not None else []

    def rejected(self) -> list[str]:
        """As `Runtime.rejected`, of trunk and heads."""
        return [] if self._prepared is None else self._prepared.rejected()

    def files(self, model: Model) -> dict[str, bytes]:
        """The networks that DeepFace must open in place of the model's own files, by file name."""
        if model.task != "attribute":
            return {}
        with self._lock:
            if not self._is_known:
                self._cut()
                self._is_known = True
            try:
                head = self._head(model)
            except NotAuthentic:  # exchanged after the first of the models was loaded
                self._cut()
                head = self._head(model)
        return {} if head is None else {file.name: head for file in model.files}

    def _head(self, model: Model) -> bytes | None:
        head = None if self._split is None else self._split.heads.get(model.name)
        return None if self._split is None or head is None else self._split.content(head)

    def _cut(self) -> None:
        attributes = [
            model for model in catalogue.MODELS.values() if model.task == "attribute" and not model.has_own_crop
        ]
        paths = {model.name: self._weights.path(model.files[0]) for model in attributes}
        assert self._prepared is not None
        self._split = self._trunk = None
        try:
            found = split_in(self._prepared, {name: path for name, path in paths.items() if path.is_file()})
            if found is not None:
                trunk = self._runtime.open(found.content(found.trunk), found.trunk.stem)
                self._trunk, self._split = Trunk(self._passes.through(trunk)), found
        except Exception as error:  # a full disk, or any error of ONNX for a damaged file
            logger.warning("attribute models run without a shared trunk: %s", type(error).__name__)

    def network(self, model: Model, session: Session) -> Session:
        """The session to use in place of the one that DeepFace made for the model."""
        own = self._passes.through(session)
        return HeadSession(self._trunk, own) if self._trunk is not None and model.name in self.models else own

    def remembering(self) -> AbstractContextManager[None]:
        """Let networks share a pass of the trunk for the same faces, on this thread until the block ends."""
        return nullcontext() if self._trunk is None else self._trunk.remembering()
