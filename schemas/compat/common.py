"""What the bodies of all doors have in common."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict
from typing_extensions import override

from schemas.common import Request


class DoorRequest(Request):
    """Base of the requests of doors: unknown fields are ignored, and `null` means the same as leaving a field out."""

    model_config = ConfigDict(extra="ignore")

    is_foreign: ClassVar[bool] = True

    @classmethod
    @override
    def nullable_fields(cls) -> frozenset[str]:
        return cls.names()


class DoorError(BaseModel, ABC):
    """Base of the error bodies of doors."""

    @classmethod
    @abstractmethod
    def of(cls, *, code: str, status: int, message: str, fields: Sequence[dict[str, str]]) -> Self:
        """The body for an error of the service.

        `code` is the service's error code, and `status` the door's HTTP status. `message` is for humans; it names each
        wrong field. `fields` are the wrong fields, each with `field` and `msg`.
        """
