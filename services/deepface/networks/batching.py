"""Passes of faces through the networks: few at a time, on all cores, with those who wait for the same one together.

On 2 cores a pass on both of them took 0.53 to 0.55 times that of a pass on one (VGG-Face 206 and 381 ms, ArcFace 66 and
118 ms), so that taking turns costs a tenth of the throughput and halves the time of a request that is alone. Faces that
go together save time where a network is small: 8 of them took Facenet512 18 ms each in place of 31, Dlib 4.7 in place
of 6.2, ArcFace and VGG-Face what they take alone.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from services.deepface.networks.runtime import Array, Input, Session

# Beyond this many threads a pass gains little; the cores that are left run passes of their own.
MOST_THREADS = 4


class Passes:
    """The passes that may run at once in this process: `at_once` of them, or as many as its cores are for.

    Each has at most `batch_size` faces.
    """

    def __init__(self, cores: int, batch_size: int, *, at_once: int | None = None) -> None:
        self.threads = min(cores, MOST_THREADS)
        self.batch_size = batch_size
        self.turns = threading.Semaphore(at_once or max(1, cores // self.threads))

    def through(self, session: Session) -> "Network":
        """A session that is to take turns with the others."""
        return Network(session, self)


@dataclass(slots=True, eq=False)
class _Ask:
    """Pictures of one request, and what came of them."""

    pictures: Array
    names: Sequence[str] | None
    outputs: list[Array] = field(default_factory=list)
    error: Exception | None = None
    is_done: bool = False

    def goes_with(self, other: "_Ask") -> bool:
        """Whether one pass can do for both."""
        return self.pictures.shape[1:] == other.pictures.shape[1:] and self.names == other.names


class Network:
    """Stands where DeepFace's clients keep an ONNX Runtime session, and is called as one."""

    def __init__(self, session: Session, passes: Passes) -> None:
        self._session = session
        self._passes = passes
        (self._input,) = session.get_inputs()
        self._is_batched = not isinstance(self._input.shape[0], int)
        self._waiting: list[_Ask] = []
        self._changed = threading.Condition()

    def get_inputs(self) -> list[Input]:
        """As the session's."""
        return [self._input]

    def run(self, names: Sequence[str] | None, inputs: dict[str, Array], /) -> list[Array]:
        """These outputs for the pictures, in their order, whoever else's went with them; all of them without `names`.

        Raises:
            Whatever the session raises on these pictures; what others' raise does not matter.
        """
        ask = _Ask(inputs[self._input.name], names)
        with self._changed:
            self._waiting.append(ask)
        with self._passes.turns:
            if together := self._taken(ask):
                self._pass(together)
        with self._changed:  # another one's turn may have taken it along
            self._changed.wait_for(lambda: ask.is_done)
        if ask.error is not None:
            raise ask.error
        return ask.outputs

    def _taken(self, ask: _Ask) -> list[_Ask]:
        """This one and those that waited before and behind it, as many as fit; none if another pass has it by now."""
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

    def _pass(self, together: Sequence[_Ask]) -> None:
        pictures = [ask.pictures for ask in together]
        try:
            outputs = self._in_parts(np.concatenate(pictures) if len(pictures) > 1 else pictures[0], together[0].names)
        except Exception as error:
            if len(together) > 1:
                for ask in together:  # whose pictures it was shows when each goes alone
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
        """The outputs for pictures that may be more than a batch."""
        size = self._passes.batch_size if self._is_batched else max(1, len(pictures))
        parts = [pictures[start : start + size] for start in range(0, len(pictures), size)]
        outputs = [self._session.run(names, {self._input.name: part}) for part in parts]
        return [np.concatenate(one) if len(one) > 1 else one[0] for one in zip(*outputs, strict=True)]
