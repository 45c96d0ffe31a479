"""The page of errors."""

from collections.abc import Iterator

from core.exceptions import ServiceError
from docs.generate.markdown import table


def errors() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "Every error has this body. `details` may hold more, for example `fields` with each wrong field:"
    yield ""
    yield "```json"
    yield '{"success": false, "error_code": "validation_error", "message": "The request is not valid.",'
    yield ' "request_id": "5f301b72", "details": {"fields": [{"field": "img1", "msg": "Field required"}]}}'
    yield "```"
    yield ""
    yield from table(
        ("error_code", "HTTP", "raised when", "what to do"),
        (
            (f"`{error.code}`", str(error.status), _raised(error), _remedy(error))
            for error in sorted(_concrete(ServiceError), key=lambda error: (error.status, error.code))
        ),
    )


def _concrete(base: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for error in base.__subclasses__():
        if "code" in vars(error):
            yield error
        yield from _concrete(error)


def _raised(error: type[ServiceError]) -> str:
    return " ".join((error.__doc__ or "").split()).removeprefix("Raised ").removeprefix("when ")


def _remedy(error: type[ServiceError]) -> str:
    return error.remedy or error.default_message.partition(". ")[2]
