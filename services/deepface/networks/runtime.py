"""What runs the networks: the interface of a runtime, and of the sessions it opens."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy.typing as npt

Array = npt.NDArray[Any]


class Input(Protocol):
    """An input of a network: its name, and its sides, a number where no other will do."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def shape(self) -> Sequence[int | str | None]:
        """Its sides, the faces first."""


@runtime_checkable
class Session(Protocol):
    """A network ready to run, called as DeepFace's clients call ONNX Runtime's."""

    def get_inputs(self) -> Sequence[Input]:
        """The inputs, each with its name and shape."""

    def run(self, names: Sequence[str] | None, inputs: dict[str, Array], /) -> Sequence[Array]:
        """These outputs, or all without `names`."""


class Runtime(ABC):
    """Opens networks; `name` says what their numbers depend on, and is recorded with the embeddings."""

    name: str

    @abstractmethod
    def open(self, network: str | bytes) -> Session:
        """A session of an ONNX file, by its path or its content.

        Raises:
            Whatever the runtime makes of a damaged file.
        """
