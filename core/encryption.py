"""Seals bytes, so that they can be read and changed only with a key: AES-256-GCM of `cryptography`.

What is sealed is, byte by byte:

     0        the version of this format, 1
     1 to 8   the id of the key, so that the right one is taken without trying
     9 to 20  the nonce: 96 random bits. Two are alike with a chance of 2^-33 once a key has sealed 2^32 times (NIST SP
              800-38D, 8.3, allows as many)
    21 to -17 what was sealed, encrypted; as long as it was
   -16 to -1  the tag, over all that and what the bytes are (the `context`), which is not in them

The key that encrypts, and its id, are made of the given key by HKDF-SHA256, each with a text of its own.
"""

import os
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION = b"\x01"
_ID_BYTES, _NONCE_BYTES, _TAG_BYTES = 8, 12, 16
_KEY_BYTES = 32
_NONCE_AT = len(_VERSION) + _ID_BYTES
_SEALED_AT = _NONCE_AT + _NONCE_BYTES

# How many bytes longer something is once it is sealed.
OVERHEAD = _SEALED_AT + _TAG_BYTES


class Unopenable(Exception):
    """What should be opened was sealed with another key, as something else, or has been changed."""


class Keyring:
    """The keys: the first one seals, any of them opens. Without any, nothing can be sealed or opened.

    Args:
        keys: 32 random bytes each.
    """

    def __init__(self, keys: Iterable[bytes] = ()) -> None:
        self._ciphers = {_derived(key, b"id", _ID_BYTES): AESGCM(_derived(key, b"key", _KEY_BYTES)) for key in keys}
        self._first = next(iter(self._ciphers), b"")

    def __bool__(self) -> bool:
        return bool(self._ciphers)

    @property
    def first(self) -> str:
        """The id of the key that seals, as 16 hexadecimal digits; empty if there is none."""
        return self._first.hex()

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all keys."""
        return frozenset(number.hex() for number in self._ciphers)

    def seal(self, content: bytes, context: bytes) -> bytes:
        """The content for whoever has the key and says the same context; raises KeyError if there is no key."""
        cipher, nonce = self._ciphers[self._first], os.urandom(_NONCE_BYTES)
        return _VERSION + self._first + nonce + cipher.encrypt(nonce, content, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """What was sealed in this context.

        Raises:
            Unopenable: it was not, or with none of these keys, or somebody has changed it.
        """
        cipher = self._ciphers.get(sealed[len(_VERSION) : _NONCE_AT])
        if cipher is None or not sealed.startswith(_VERSION) or len(sealed) < OVERHEAD:
            raise Unopenable
        try:
            return cipher.decrypt(sealed[_NONCE_AT:_SEALED_AT], sealed[_SEALED_AT:], context)
        except InvalidTag:
            raise Unopenable from None


def key_id(sealed: bytes) -> str:
    """The id of the key that has sealed this, as `Keyring.first` says it; anything if it is not sealed."""
    return sealed[len(_VERSION) : _NONCE_AT].hex()


def _derived(key: bytes, what: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=b"face service, gallery " + what).derive(key)
