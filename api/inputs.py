"""Reads all request bodies: JSON, forms and raw images become one validated model."""

import io
import json
import re
from typing import IO, Any, TypeVar

from flask import Request as FlaskRequest
from flask import request
from pydantic import ValidationError
from werkzeug.datastructures import MultiDict

from core.exceptions import LengthRequired, UnsupportedMediaType, ValidationFailed
from schemas.common import Request

R = TypeVar("R", bound=Request)
T = TypeVar("T")

BODY = "body"  # the `field` of an error about the whole body
RAW_IMAGE_FIELD = "img"

_TEXT_FORM = "application/x-www-form-urlencoded"
_FORMS = ("multipart/form-data", _TEXT_FORM)
_TWICE = "Given more than once"
_LONGEST_NAME = 100  # characters of a field name to repeat in an error
_MAX_FIELDS = 100
_MAX_PARTS = 1000  # werkzeug's limit
_LONGEST_PART_HEAD = 8192
_END_OF_PART_HEAD = re.compile(rb"\r\n\r\n|\r\r|\n\n")  # the same pattern as werkzeug's


class InMemoryRequest(FlaskRequest):
    """A request with uploads in memory, limited by MAX_BODY_BYTES: no image is written to disk."""

    def __init__(self, environ: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        # With this flag of gunicorn the end of the input counts as the end of the body, even after a disconnect.
        # Without it the body is counted against Content-Length, and a truncated body is an error.
        environ.pop("wsgi.input_terminated", None)
        super().__init__(environ, *args, **kwargs)

    def _get_file_stream(self, *_: Any, **__: Any) -> IO[bytes]:
        return io.BytesIO()


def read_request(model: type[R]) -> R:
    """Return the body of the current request as a `model`.

    JSON is validated strictly: `"false"` is not a boolean. Text is converted, in forms and in the query string of a raw
    image. No field may be given twice.

    Raises:
        ValidationFailed: a field is wrong. The details name each wrong field.
        LengthRequired: the body is chunked, without a Content-Length.
        UnsupportedMediaType: the body is neither JSON, a form nor a raw image.
        RequestEntityTooLarge: the body exceeds MAX_BODY_BYTES (raised by werkzeug).
    """
    if "Transfer-Encoding" in request.headers:
        raise LengthRequired
    kind = request.mimetype
    if takes_raw_image(model) and kind.startswith("image/"):
        values = _merged(model, request.args, MultiDict({RAW_IMAGE_FIELD: request.get_data()}))
        return _validated(model, values, strict=False)
    if request.args:
        fields = [_wrong(name, "Send options in the body, beside the image") for name in request.args]
        raise ValidationFailed(fields)
    if kind == _TEXT_FORM and request.get_data().count(b"&") >= _MAX_FIELDS:
        raise _too_many_fields()
    if kind in _FORMS:
        _check_part_heads(request.get_data(parse_form_data=False), request.mimetype_params.get("boundary", ""))
        files = MultiDict([(name, part.read()) for name, part in request.files.items(multi=True)])
        return _validated(model, _merged(model, request.form, files), strict=False)
    if kind == "application/json":
        return _validated(model, _json_object(request.get_data(), model.most_values), strict=True)
    if kind or request.content_length:
        raise UnsupportedMediaType
    return _validated(model, {}, strict=True)


def read_query(model: type[R]) -> R:
    """Return the query string as a `model`; raise ValidationFailed, with each wrong field in the details."""
    return _validated(model, _merged(model, request.args, MultiDict()), strict=False)


def _check_part_heads(body: bytes, boundary: str) -> None:
    """Refuse a multipart body with endless part headers: werkzeug would read 24 MB of them for 20 seconds."""
    delimiter = b"--" + boundary.encode()
    at = body.find(delimiter) if boundary else -1
    for _ in range(_MAX_PARTS):
        if at == -1:
            return
        at += len(delimiter)
        ends = _END_OF_PART_HEAD.search(body, at, at + _LONGEST_PART_HEAD)
        if ends is None and len(body) - at > _LONGEST_PART_HEAD:
            raise ValidationFailed.of(BODY, f"The headers of a part exceed {_LONGEST_PART_HEAD} bytes")
        at = body.find(delimiter, at)


def takes_raw_image(model: type[Request]) -> bool:
    """Return whether the body may be the image itself: only if the model has the field `img`."""
    return RAW_IMAGE_FIELD in model.model_fields


def _merged(
    model: type[Request], text: "MultiDict[str, str]", files: "MultiDict[str, bytes]"
) -> dict[str, str | bytes | list[str] | list[bytes]]:
    """Return one value per field, from text and files; fields of `repeatable` and `image_lists` become lists."""
    if not (all(text) and all(files)):  # werkzeug gives a part without a name the name None
        raise ValidationFailed.of(BODY, "A field has no name. Name every field")
    values: dict[str, str | bytes | list[str] | list[bytes]] = {}
    for name, texts in text.lists():
        if name in model.repeatable:
            values[name] = [part.strip() for value in texts for part in value.split(",", _MAX_FIELDS)]
        else:
            values[name] = texts if name in model.image_lists else _only(name, texts)
    for name, contents in files.lists():
        if name in values:
            raise ValidationFailed([_wrong(name, _TWICE)])
        values[name] = contents if name in model.image_lists else _only(name, contents)
    return values


def _only(name: str, given: list[T]) -> T:
    if len(given) > 1:
        raise ValidationFailed([_wrong(name, _TWICE)])
    return given[0]


def _json_object(body: bytes, most_values: int) -> dict[str, Any]:
    def no_constant(name: str) -> Any:
        raise ValueError(f"{name} is not a JSON number")

    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, value in pairs:
            if name in result:
                raise ValidationFailed([_wrong(name, _TWICE)])
            result[name] = value
        return result

    # Each value except the first of its list or object follows a comma. Commas are counted before parsing: a million
    # parsed values would take many times the memory of their text.
    if body.count(b",") >= most_values:
        raise ValidationFailed.of(BODY, f"More than {most_values} values. Send fewer")
    try:
        value = json.loads(body.decode(), parse_constant=no_constant, object_pairs_hook=no_duplicates)
    except json.JSONDecodeError as error:
        raise ValidationFailed.of(BODY, f"Not valid JSON: {error.msg} at character {error.pos}") from None
    except (ValueError, RecursionError):
        raise ValidationFailed.of(BODY, "Not valid JSON") from None
    if not isinstance(value, dict):
        raise ValidationFailed.of(BODY, "The JSON must be an object")
    return value


def _validated(model: type[R], values: dict[str, Any], *, strict: bool) -> R:
    # Checked before the single names: an error about each of a million fields would be an answer of megabytes.
    if len(values) > _MAX_FIELDS:
        raise _too_many_fields()
    try:
        return model.model_validate(values, strict=strict)
    except ValidationError as error:
        # The input is left out, because it may hold the image.
        found = error.errors(include_input=False, include_url=False, include_context=False)
        raise ValidationFailed([_wrong(_name(e["loc"]) or BODY, e["msg"]) for e in found]) from None


def _name(place: tuple[int | str, ...]) -> str:
    """Return the name of a field: `("target_vectors", 3, "id")` becomes `target_vectors[3].id`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")


def _too_many_fields() -> ValidationFailed:
    return ValidationFailed.of(BODY, f"More than {_MAX_FIELDS} fields. Send fewer")


def _wrong(field: str, msg: str) -> dict[str, str]:
    # JSON's escapes can contain half a character, and no answer in UTF-8 can repeat it.
    return {"field": field[:_LONGEST_NAME].encode(errors="replace").decode(), "msg": msg}
