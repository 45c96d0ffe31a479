"""The base classes of all errors."""

from typing import Any, ClassVar


class ServiceError(Exception):
    """Base class of every error sent to a client; never raised itself.

    The client receives `message` and `details` unchanged. They must not hold a server path, traceback, image or
    embedding. `remedy` is what the reference tells the reader to do. Left out, it is what `default_message` says after
    its first sentence.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    default_message: ClassVar[str] = ""
    remedy: ClassVar[str] = ""

    def __init__(
        self, message: str | None = None, *, details: dict[str, Any] | None = None, retry_after_s: int | None = None
    ) -> None:
        self.message = message or self.default_message
        self.details = details or {}
        self.retry_after_s = retry_after_s
        super().__init__(self.message)


class CommandError(Exception):
    """Base class of errors that end a command with their one-line message; requests never raise them."""
