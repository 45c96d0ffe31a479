"""Takes forms apart: urlencoded text and multipart bodies become one list of fields.

Everything is counted before it is unquoted, decoded or parsed, so that a form costs little more than its own size.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from api.bodies.hints import unknown_field
from api.bodies.unquoting import unquoted
from api.bodies.wrong import BODY, too_many_fields, too_many_values, wrong
from core.exceptions import ImageDecodeError, ValidationFailed
from core.images.sources import MAX_PATH, NO_SOURCE, is_encoded
from schemas.common import Request

MAX_TEXT_BYTES = 65_536  # of all fields together that hold neither an image nor embeddings
MAX_FIELDS = 100

_NUMBER_BYTES = (
    32  # of a number of an embedding as text; Python writes a float with at most 24, and a comma and a blank
)
_MAX_PARTS = 1000  # of a multipart form
_MAX_PART_HEAD = 8192  # bytes
_END_OF_PART_HEAD = re.compile(rb"\r\n\r\n|\r\r|\n\n")  # the same pattern as werkzeug's
_CHUNK = 65_536
_HEAD = 1024  # bytes of an urlencoded image that tell how it was encoded
_BLANKS = b" \t\r\n"
_PLUSES = re.compile(rb"[+ \t\r\n]*")
_CHARSETS = {"ascii", "us-ascii", "iso-8859-1"}  # which a part may name, beside UTF-8


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of a form as it was sent: text, or the content of a file."""

    name: str
    content: bytes | bytearray
    is_file: bool = False
    charset: str = "utf-8"

    def text(self) -> str:
        """Return the content as text."""
        return self.content.decode(self.charset, "replace")


class _Allowance:
    """The bytes of text that the fields of a form may still have."""

    def __init__(self, model: type[Request]) -> None:
        self._model = model
        self._text = MAX_TEXT_BYTES
        self._numbers = model.most_values * _NUMBER_BYTES

    def take(self, name: str, size: int) -> None:
        """Count `size` bytes of the field `name`; raise ValidationFailed if there are too many."""
        if name in self._model.image_fields():
            return
        if name in self._model.vectors:
            self._numbers -= size
        else:
            self._text -= size
        if min(self._text, self._numbers) < 0:
            raise self._error(name)

    def _error(self, name: str) -> ValidationFailed:
        if name in self._model.vectors:
            return too_many_values(self._model.most_values)
        if name not in self._model.names():
            return ValidationFailed([wrong(name, unknown_field(name, self._model))])
        return ValidationFailed([wrong(name, f"All fields without an image together exceed {MAX_TEXT_BYTES} bytes")])


def read_urlencoded(body: bytes, model: type[Request]) -> list[FormField]:
    """Return the fields of an urlencoded body or query string.

    Raises:
        ValidationFailed: there are too many fields, values, or bytes in fields that hold no image.
    """
    if body.count(b"&") >= MAX_FIELDS:
        raise too_many_fields(MAX_FIELDS)
    if sum(body.count(comma) for comma in (b",", b"%2C", b"%2c")) >= model.most_values:
        raise too_many_values(model.most_values)
    allowance, view = _Allowance(model), memoryview(body)
    fields = []
    for start, equals, end in _places(body):
        if _unquoted_size(body, start, equals) > MAX_TEXT_BYTES:  # not even unquoted to be named
            raise ValidationFailed.of(BODY, f"The name of a field exceeds {MAX_TEXT_BYTES} bytes")
        name = model.field_of(unquoted(view[start:equals]).decode("utf-8", "replace"), is_file=False)
        value = view[equals + 1 : end]
        allowance.take(name, len(name) + _unquoted_size(body, equals + 1, end))
        if name in model.image_fields():
            fields.append(FormField(name, _require_ascii(name, _unquoted_image(value))))
        else:
            fields.append(FormField(name, unquoted(value)))
    return fields


def _places(body: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield where each field starts, where its name ends, and where its value ends."""
    start = 0
    while start < len(body):
        end = body.find(b"&", start)
        end = len(body) if end == -1 else end
        if end > start:
            equals = body.find(b"=", start, end)
            yield start, (end if equals == -1 else equals), end
        start = end + 1


def _unquoted_size(body: bytes, start: int, end: int) -> int:
    return max(0, end - start - 2 * body.count(b"%", start, end))


def _unquoted_image(value: memoryview) -> bytearray:
    """Return the value of an image field; a `+` in base64 is a digit, unless it can only be a blank.

    Base64 is often put into a form unescaped, as by `curl -d img=$(base64 -w0 photo.jpg)`. If its `+` were dropped as
    blanks, it would be another image.
    """
    if not is_encoded(unquoted(value[:_HEAD]).decode("latin-1")):
        return unquoted(value)
    text = unquoted(value, keep_plus=True)
    for start in (text.find(b",", 0, _HEAD) + 1, 0):  # no image begins with a plus, and no data URI
        begin = _PLUSES.match(text, start)
        del text[start : begin.end() if begin else start]
    comma = text.find(b",", 0, _HEAD)
    if text.endswith(b"+"):
        digits = text.rstrip(b"+")
        if digits.endswith(b"=") or (len(digits.translate(None, _BLANKS)) - comma - 1) % 4 == 0:
            return digits
    return text


def _require_ascii(name: str, content: bytes | bytearray) -> bytes | bytearray:
    """Return the text of an image; raise ImageDecodeError if it is too long for a path, and no base64."""
    if len(content) > MAX_PATH and not content.isascii():  # decoded, it could take four times its size
        raise ImageDecodeError(NO_SOURCE, field=name)
    return content


def read_multipart(body: bytes, boundary: str, model: type[Request]) -> list[FormField]:
    """Return the fields of a multipart body.

    Raises:
        ValidationFailed: the form is malformed, or has too many values, or bytes in fields that hold no image.
        RequestEntityTooLarge: there are more than 1,000 parts (raised by werkzeug).
    """
    _check_part_heads(body, boundary)
    try:
        fields = list(_parts(body, boundary.encode("ascii"), model))
    except ValueError:
        raise ValidationFailed.of(
            BODY, "The multipart form is malformed. Check its boundary, and that it ends"
        ) from None
    texts = [field for field in fields if not field.is_file]
    if sum(text.content.count(b",") for text in texts) >= model.most_values:
        raise too_many_values(model.most_values)
    for text in texts:
        if text.name in model.image_fields():
            _require_ascii(text.name, text.content)
    return fields


def _parts(body: bytes, boundary: bytes, model: type[Request]) -> Iterator[FormField]:
    if not boundary:
        raise ValueError("no boundary")
    allowance, decoder = _Allowance(model), MultipartDecoder(boundary, max_parts=_MAX_PARTS)
    part: Field | File | None = None
    content: list[bytes] = []
    for at in range(0, len(body) + _CHUNK, _CHUNK):
        decoder.receive_data(body[at : at + _CHUNK] or None)
        while not isinstance(event := decoder.next_event(), Epilogue | NeedData):
            if isinstance(event, Field | File):
                part, content = event, []
            elif isinstance(event, Data):
                assert part is not None, "data come after the head of their part"
                is_file = isinstance(part, File)
                name = model.field_of(part.name or "", is_file=is_file)
                if not (is_file and model.is_foreign):  # unknown files are ignored there
                    allowance.take(name, len(event.data))
                content.append(event.data)
                if not event.more_data:
                    yield _field_of(part, name, b"".join(content))
        if isinstance(event, Epilogue):
            return


def _field_of(part: Field | File, name: str, content: bytes) -> FormField:
    if isinstance(part, File):
        return FormField(name, content, is_file=True)
    charset = parse_options_header(part.headers.get("content-type"))[1].get("charset", "").lower()
    return FormField(name, content, charset=charset if charset in _CHARSETS else "utf-8")


def _check_part_heads(body: bytes, boundary: str) -> None:
    """Refuse a multipart body with endless part headers: werkzeug would read 24 MB of them for 20 seconds."""
    delimiter = b"--" + boundary.encode()
    # Only the first one may stand within a line: what an image happens to hold is no delimiter.
    later = re.compile(rb"%b(?<=[\r\n]%b)[^\S\r\n]*[\r\n]" % (re.escape(delimiter), re.escape(delimiter)))
    at = body.find(delimiter) if boundary else -1
    for _ in range(_MAX_PARTS):
        if at == -1:
            return
        at += len(delimiter)
        ends = _END_OF_PART_HEAD.search(body, at, at + _MAX_PART_HEAD)
        if ends is None and len(body) - at > _MAX_PART_HEAD:
            raise ValidationFailed.of(BODY, f"The headers of a part exceed {_MAX_PART_HEAD} bytes")
        at = match.start() if (match := later.search(body, at)) else -1
