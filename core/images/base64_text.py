"""Reads images as base64 text, in every spelling that encoders produce."""

import binascii
import re

from core.images.header import image_format

_BLANKS = b" \t\r\n\v\f"
_HEAD = 256  # characters that hold the signature, whatever blanks are among them
_SIGNATURE = 64  # characters that decode to 48 bytes: the longest signature, or the brands of an HEIC file
_QUANTUM = 4  # characters that decode to three bytes
_NO_DIGIT = re.compile(r"[^A-Za-z0-9+/]")
# The signatures of the accepted formats as far as their base64 does not depend on what follows.
_SIGNATURES = (("/9j/", "JPEG"), ("iVBOR", "PNG"), ("UklGR", "WebP"))
_URL_SAFE = bytes.maketrans(b"-_", b"+/")  # RFC 4648, section 5


def encoded_format(text: str) -> str | None:
    """Return the name of the image format whose signature is the beginning of `text` in base64; None if there is none.

    Only the beginning is read: the rest of the text may be anything.
    """
    head = "".join(text.lstrip()[:_HEAD].split())[:_SIGNATURE].replace("-", "+").replace("_", "/")
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    digits = _NO_DIGIT.split(head, maxsplit=1)[0]
    return image_format(binascii.a2b_base64(digits[: len(digits) // _QUANTUM * _QUANTUM]))


def decoded(text: str) -> bytes:
    """Return the bytes of base64 text: either alphabet, with or without padding, with blanks and line breaks anywhere.

    Takes time linear in the text, and at most three times its memory.

    Raises:
        ValueError: the text is not base64.
    """
    try:
        return binascii.a2b_base64(text, strict_mode=True)  # as most clients send it; needs no copy
    except ValueError:
        digits = text.encode("ascii").translate(_URL_SAFE, _BLANKS).rstrip(b"=")
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % _QUANTUM), strict_mode=True)
