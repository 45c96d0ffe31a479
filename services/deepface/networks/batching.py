"""Runs passes of faces through networks: few passes at a time, each on all cores, and waiting faces in batches.

Taking turns costs a tenth of the throughput and halves the time of a single request. Batches save time for small
networks. Measured on 2 cores:

    network      pass on 1 core   pass on 2 cores   face alone   face in a batch of 8
    VGG-Face     381 ms           206 ms                         as alone
    ArcFace      118 ms           66 ms                          as alone
    Facenet512                                      31 ms        18 ms
    Dlib                                            6.2 ms       4.7 ms
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.metrics.definitions import BATCH_FACES
from services.deepface.networks.runtime import Array, Input, Session

# A pass gains little from more threads. The remaining cores run other passes.
MAX_THREADS = 4


class Batcher:
    """Limits the passes that run at the same time in this process: to `at_once`, or by default to fit the cores.

    Each pass has at most `batch_size` faces.
    """

    def __init__(self, cores: int, batch_size: int, *, at_once: int | None = None) -> None:
        self.threads = min(cores, MAX_THREADS)
        self.batch_size = batch_size
        self.turns = threading.Semaphore(at_once or max(1, cores // self.threads))

    def through(self, session: Session) -> "BatchedSession":
        """A session that takes turns with the others."""
        return BatchedSession(session, self)


@dataclass(slots=True, eq=False)
class PendingCall:
    """The inputs of one request, and their outputs or error."""

    pictures: Array
    names: Sequence[str] | None
    outputs: list[Array] = field(default_factory=list)
    error: Exception | None = None
    is_done: bool = False

    def goes_with(self, other: "PendingCall") -> bool:
        """Whether one pass can run both."""
        return self.pictures.shape[1:] == other.pictures.shape[1:] and self.names == other.names


class BatchedSession:
    """Replaces the ONNX Runtime session in DeepFace's clients, with the same interface."""

    def __init__(self, session: Session, passes: Batcher) -> None:
        self._session = session
        self._passes = passes
        (self._input,) = session.get_inputs()
        self._is_batched = not isinstance(self._input.shape[0], int)
        self._waiting: list[PendingCall] = []
        self._changed = threading.Condition()

    def get_inputs(self) -> list[Input]:
        """The inputs of the session."""
        return [self._input]

    def run(self, names: Sequence[str] | None, inputs: dict[str, Array], /) -> list[Array]:
        """The named outputs for these inputs, in their order; all outputs without `names`.

        The inputs of other requests may run in the same pass.

        Raises:
            Whatever the session raises for these inputs. Errors of other requests do not matter.
        """
        ask = PendingCall(inputs[self._input.name], names)
        with self._changed:
            self._waiting.append(ask)
        with self._passes.turns:
            if together := self._taken(ask):
                self._pass(together)
        with self._changed:  # the turn of another request may run it
            self._changed.wait_for(lambda: ask.is_done)
        if ask.error is not None:
            raise ask.error
        return ask.outputs

    def _taken(self, ask: PendingCall) -> list[PendingCall]:
        """This request and other waiting ones that fit into its pass; none if another pass has taken it already."""
        with self._changed:
            if ask not in self._waiting:
                return []
            together, room = [ask], self._passes.batch_size - len(ask.pictures)
            for other in self._waiting if self._is_batched else ():
                if other is not ask and other.goes_with(ask) and len(other.pictures) <= room:
                    together.append(other)
                    room -= len(other.pictures)
            self._waiting = [one for one in self._waiting if one not in together]
        return together

    def _pass(self, together: Sequence[PendingCall]) -> None:
        pictures = [ask.pictures for ask in together]
        try:
            outputs = self._in_parts(np.concatenate(pictures) if len(pictures) > 1 else pictures[0], together[0].names)
        except Exception as error:
            if len(together) > 1:
                for ask in together:  # running each alone shows which request caused the error
                    self._pass([ask])
                return
            together[0].error = error
        else:
            start = 0
            for ask in together:
                ask.outputs = [output[start : start + len(ask.pictures)] for output in outputs]
                start += len(ask.pictures)
        with self._changed:
            for ask in together:
                ask.is_done = True
            self._changed.notify_all()

    def _in_parts(self, pictures: Array, names: Sequence[str] | None) -> list[Array]:
        """The outputs for inputs that may be larger than a batch."""
        size = self._passes.batch_size if self._is_batched else max(1, len(pictures))
        parts = [pictures[start : start + size] for start in range(0, len(pictures), size)]
        for part in parts:
            BATCH_FACES.observe(len(part))
        outputs = [self._session.run(names, {self._input.name: part}) for part in parts]
        return [np.concatenate(one) if len(one) > 1 else one[0] for one in zip(*outputs, strict=True)]
