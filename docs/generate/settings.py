"""The page of settings."""

import inspect
from collections.abc import Iterator
from typing import Any

from pydantic_core import PydanticUndefined

from core.settings import Settings
from docs.generate.markdown import table


def settings() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "Set them as environment variables or in `.env`. A setting in the environment wins."
    yield ""
    groups = [base for base in reversed(Settings.__mro__) if base.__module__.startswith("core.settings.")]
    for group in groups[:-1]:
        yield f"## {(group.__doc__ or '').strip().removesuffix('.')}"
        yield ""
        yield from table(
            ("setting", "default", "description"),
            (
                (f"`{name.upper()}`", _default(field), field.description or "")
                for name, field in Settings.model_fields.items()
                if name in inspect.get_annotations(group)
            ),
        )


def _default(field: Any) -> str:
    if field.default_factory is not None:
        return "the home folder"
    if field.default in ("", (), None, PydanticUndefined):
        return "(empty)"
    if isinstance(field.default, tuple):
        return f"`{','.join(map(str, field.default))}`"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"
