"""The entries of an error about a body: the wrong field, and what is wrong with it."""

from core.exceptions import ValidationFailed

BODY = "body"  # the `field` of an error about the whole body

_MAX_NAME = 100  # characters of a field name to repeat in an error


def wrong(field: str, msg: str) -> dict[str, str]:
    """Return the entry of `details.fields` for a field, with its name cut to 100 characters."""
    # JSON's escapes can contain half a character, and no answer in UTF-8 can repeat it.
    return {"field": field[:_MAX_NAME].encode(errors="replace").decode(), "msg": msg}


def too_many_fields(most: int) -> ValidationFailed:
    """Return the error for a body with more fields."""
    return ValidationFailed.of(BODY, f"More than {most} fields. Send fewer")


def too_many_values(most: int) -> ValidationFailed:
    """Return the error for a body with more values, at all depths of its JSON together."""
    return ValidationFailed.of(BODY, f"More than {most} values. Send fewer")
