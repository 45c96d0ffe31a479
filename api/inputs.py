"""Reads all request bodies: JSON, forms and raw images become one validated model."""

import json
import mmap
from contextlib import suppress
from typing import Any, TypeVar

from flask import Request as FlaskRequest
from flask import g, request
from pydantic import ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from api.bodies.forms import MAX_FIELDS, MAX_TEXT_BYTES, FormField, read_multipart, read_urlencoded
from api.bodies.hints import HEAD_BYTES, content_type, unknown_field
from api.bodies.wrong import BODY, too_many_fields, too_many_values, wrong
from api.middleware.body_memory import count_body_bytes
from core.exceptions import AmbiguousCredentials, LengthRequired, UnsupportedMediaType, ValidationFailed
from core.process import release_unused
from schemas.common import RAW_IMAGE_FIELD, Request
from schemas.compat.common import DoorRequest

R = TypeVar("R", bound=Request)
T = TypeVar("T")

_JSON = "application/json"
_URLENCODED = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_FORMS = (_URLENCODED, _MULTIPART)
_CODINGS = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz"})
_READ_FORM = "read_form"  # of `g`: the fields of a form that was read for its API key
_PIECE_BYTES = 65_536
_LARGE_BYTES = 8_000_000
_TWICE = "Given more than once"


class WholeRequest(FlaskRequest):
    """A request whose body ends where Content-Length says, limited by MAX_BODY_BYTES."""

    def __init__(self, environ: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        # With this flag of gunicorn the end of the input counts as the end of the body, even after a disconnect.
        # Without it the body is counted against Content-Length, and a truncated body is an error.
        environ.pop("wsgi.input_terminated", None)
        super().__init__(environ, *args, **kwargs)


def read_request(model: type[R]) -> R:
    """Return the body of the current request as a `model`.

    JSON is validated strictly: `"false"` is not a boolean. Text is converted, in forms and in the query string of a raw
    image. No field may be given twice.

    Raises:
        ValidationFailed: a field is wrong. The details name each wrong field.
        ImageDecodeError: a text in place of an image is longer than any path, and no base64.
        LengthRequired: the body is chunked, without a Content-Length.
        Overloaded: the bodies of all requests together exceed QUEUE_MAX_BYTES.
        UnsupportedMediaType: the body is neither JSON, a form nor a raw image, or it is compressed.
        RequestEntityTooLarge: the body exceeds MAX_BODY_BYTES (raised by werkzeug).
    """
    if "Transfer-Encoding" in request.headers:
        raise LengthRequired
    _require_no_coding()
    kind = request.mimetype
    if model.takes_raw_image() and kind.startswith("image/"):
        fields = [*_query_fields(model), FormField(RAW_IMAGE_FIELD, _read_body(), is_file=True)]
        return validated(model, _merged(model, fields), strict=False)
    if not model.is_foreign and (names := dict.fromkeys(field.name for field in _query_fields(model))):
        instead = "Send options in the body" + (", beside the image" if model.image_fields() else "")
        raise ValidationFailed([wrong(name, instead) for name in names])
    if kind == _JSON or (model.is_json and request.content_length):
        return validated(model, _json_object(_read_body(), model), strict=True)
    if kind in _FORMS:
        fields = g.pop(_READ_FORM) if _READ_FORM in g else _form_fields(model)
        return validated(model, _merged(model, fields), strict=False)
    if kind or request.content_length:
        raise UnsupportedMediaType(content_type(kind, _body_head(), model))
    return validated(model, {}, strict=True)


def has_form() -> bool:
    """Return whether the current request has a form as its body."""
    return request.mimetype in _FORMS and bool(request.content_length)


def read_key(model: type[Request]) -> str | None:
    """Return the API key in the `key_field` of the current request's form, or None. `read_request` then has the form.

    Raises:
        AmbiguousCredentials: the form has two keys.
        Others as `read_request`, about the form as a whole.
    """
    _require_no_coding()
    fields = _form_fields(model)
    setattr(g, _READ_FORM, fields)
    keys = {field.text() for field in fields if field.name == model.key_field and not field.is_file} - {""}
    if len(keys) > 1:
        raise AmbiguousCredentials
    return next(iter(keys), None)


def read_query(model: type[R]) -> R:
    """Return the query string as a `model`; raise ValidationFailed, with each wrong field in the details."""
    return validated(model, _merged(model, _query_fields(model)), strict=False)


def _read_body() -> bytes:
    """Return the body. Nothing else refers to it, so its memory is free as soon as it is parsed.

    `request.get_data()` and its relatives would keep the body until the response is sent.

    Raises:
        Overloaded: the bodies of all requests together exceed QUEUE_MAX_BYTES.
    """
    stream, length = request.stream, request.content_length
    if not length:
        return b""
    # Memory of its own, which is there once it is written to and goes back to the system at once. A buffer that grows
    # leaves holes in that of the C library, of three times its size.
    with mmap.mmap(-1, length) as body:
        while piece := stream.read(_PIECE_BYTES):
            is_first = body.tell() == 0  # only then for what is still to come: no upload is refused halfway for it
            count_body_bytes(len(piece), coming=length - len(piece) if is_first else 0)
            body.write(piece)
        return body[: body.tell()]


def _require_no_coding() -> None:
    """Raise UnsupportedMediaType if the body is compressed: its size would say nothing of what it becomes."""
    codings = [coding.strip().lower() for coding in request.headers.get("Content-Encoding", "").split(",")]
    for coding in codings:
        if coding in _CODINGS:
            raise UnsupportedMediaType(f"The body has the Content-Encoding {coding}. Send it uncompressed.")


def _body_head() -> bytes:
    """Return the first bytes of a body that is not read further, or nothing if the body is too large."""
    with suppress(RequestEntityTooLarge):
        return request.stream.read(HEAD_BYTES)
    return b""


def _form_fields(model: type[Request]) -> list[FormField]:
    if request.mimetype == _URLENCODED:
        return _urlencoded_fields(model)
    return read_multipart(_read_body(), request.mimetype_params.get("boundary", ""), model)


def _urlencoded_fields(model: type[Request]) -> list[FormField]:
    """Return the fields of an urlencoded body. curl gives this type to every body by default, whatever it is."""
    body = _read_body()
    if other := content_type(_URLENCODED, body[:HEAD_BYTES], model):
        raise UnsupportedMediaType(other)
    fields = read_urlencoded(body, model)
    if len(body) > _LARGE_BYTES:  # its place in the C library's memory is a little too small for the text
        del body
        release_unused()
    return fields


def _query_fields(model: type[Request]) -> list[FormField]:
    if len(request.query_string) > MAX_TEXT_BYTES:
        raise ValidationFailed.of(BODY, f"The query string exceeds {MAX_TEXT_BYTES} bytes")
    query = request.query_string
    return read_urlencoded(model.mended_query(query) if issubclass(model, DoorRequest) else query, model)


def _merged(model: type[Request], fields: list[FormField]) -> dict[str, Any]:
    """Return one value per field, text or the bytes of a file; `repeatable` and `image_lists` become lists."""
    if not all(field.name for field in fields):  # werkzeug gives a part without a name the name None
        raise ValidationFailed.of(BODY, "A field has no name. Name every field")
    given: dict[str, list[FormField]] = {}
    nullable = model.nullable_fields()
    for field in fields:
        if not field.content and field.name in nullable:  # how a form says null
            continue
        given.setdefault(field.name, []).append(field)
    return {name: _value(model, name, parts) for name, parts in given.items()}


def _value(model: type[Request], name: str, parts: list[FormField]) -> Any:
    if len({part.is_file for part in parts}) > 1:
        raise ValidationFailed([wrong(name, _TWICE)])
    values = [part.content if part.is_file else part.text() for part in parts]
    if name in model.repeatable:
        texts = [value for value in values if isinstance(value, str)]
        return [item.strip() for text in texts for item in text.split(",")] if texts else values
    if name in model.image_lists:
        return values
    if len(values) > 1:
        raise ValidationFailed([wrong(name, _TWICE)])
    return values[0]


def _json_object(body: bytes, model: type[Request]) -> dict[str, Any]:
    def no_constant(name: str) -> Any:
        raise ValueError(f"{name} is not a JSON number")

    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, value in pairs:
            if name in result:
                raise ValidationFailed([wrong(name, _TWICE)])
            result[name] = value
        return result

    # Each value except the first of its list or object follows a comma. Commas are counted before parsing: a million
    # parsed values would take many times the memory of their text.
    if body.count(b",") >= model.most_values:
        raise too_many_values(model.most_values)
    if not body.isascii() or b"\\u" in body:  # as text it can take four bytes a character
        count_body_bytes(3 * len(body))
    try:
        text = body.decode("utf-8-sig")  # Windows writes a byte order mark; RFC 8259 lets a reader ignore it
        del body  # an image would be in memory three times while it is parsed
        value = json.loads(text, parse_constant=no_constant, object_pairs_hook=no_duplicates)
    except json.JSONDecodeError as error:
        raise ValidationFailed.of(BODY, f"Not valid JSON: {error.msg} at character {error.pos}") from None
    except (ValueError, RecursionError):
        raise ValidationFailed.of(BODY, "Not valid JSON") from None
    if isinstance(value, list) and model.list_field:
        return {model.list_field: value}
    if not isinstance(value, dict):
        raise ValidationFailed.of(BODY, "The JSON must be an object")
    return value


def validated(model: type[R], values: dict[str, Any], *, strict: bool = False) -> R:
    """Return the values as a `model`; raise ValidationFailed, with each wrong field in the details."""
    # Checked before the single names: an error about each of a million fields would be an answer of megabytes.
    if len(values) > MAX_FIELDS:
        raise too_many_fields(MAX_FIELDS)
    try:
        return model.model_validate(values, strict=strict)
    except ValidationError as error:
        # The input is left out, because it may hold the image.
        found = error.errors(include_input=False, include_url=False, include_context=False)
        raise ValidationFailed([_entry(model, e["loc"], e["type"], e["msg"]) for e in found]) from None


def _entry(model: type[Request], place: tuple[int | str, ...], kind: str, msg: str) -> dict[str, str]:
    name = _name(place)
    return wrong(name or BODY, unknown_field(name, model) if kind == "extra_forbidden" and len(place) == 1 else msg)


def _name(place: tuple[int | str, ...]) -> str:
    """Return the name of a field: `("target_vectors", 3, "id")` becomes `target_vectors[3].id`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")
