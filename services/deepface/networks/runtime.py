"""The interfaces of a runtime for networks, and of the sessions that it opens."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy.typing as npt

Array = npt.NDArray[Any]


class Input(Protocol):
    """An input of a network, with its name and sides. A side is a number if it is fixed."""

    @property
    def name(self) -> str:
        """The name of the input."""

    @property
    def shape(self) -> Sequence[int | str | None]:
        """The sides of the input; the number of faces is first."""


@runtime_checkable
class Session(Protocol):
    """A network that is ready to run, with the interface of ONNX Runtime's sessions."""

    def get_inputs(self) -> Sequence[Input]:
        """The inputs, each with its name and shape."""

    def run(self, names: Sequence[str] | None, inputs: dict[str, Array], /) -> Sequence[Array]:
        """The named outputs; all outputs without `names`."""


class Runtime(ABC):
    """Opens networks. `name` identifies what affects the results, and is recorded with the embeddings."""

    name: str

    @abstractmethod
    def open(self, network: str | bytes, name: str = "network") -> Session:
        """A session for an ONNX file, given by its path, or by its content and a name to keep its prepared form by.

        Raises:
            Whatever the runtime raises for a damaged file.
        """

    def rejected(self) -> list[str]:
        """The prepared networks below DATA_PATH that were not as this service had made them."""
        return []
