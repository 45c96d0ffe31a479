"""What is sealed is opened with its key only, as what it was, and unchanged."""

import io
import os

import numpy as np
import pytest

from core.encryption import OVERHEAD, DecryptionError, Keyring, decrypting, encrypted_by, encrypting

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
PIECE = 1 << 16


def sealed_file(content, keyring):
    file = io.BytesIO()
    with encrypting(file, keyring) as writer:
        for start in range(0, len(content), 50_000):
            writer.write(content[start : start + 50_000])
    return file.getvalue()


def read(content, keyring):
    with decrypting(io.BytesIO(content), keyring) as file:
        return file.read()


def test_what_is_sealed_is_opened_again_and_tells_nothing_of_itself():
    keyring, content = Keyring([OLD]), bytes(500)
    sealed = keyring.encrypt(content, b"what")
    assert keyring.decrypt(sealed, b"what") == content
    assert len(sealed) == len(content) + OVERHEAD
    assert bytes(8) not in sealed
    assert keyring.encrypt(content, b"what")[9:] != sealed[9:]
    assert keyring.decrypt(keyring.encrypt(b"", b""), b"") == b""


def test_any_key_opens_and_the_first_one_seals():
    old, both = Keyring([OLD]), Keyring([NEW, OLD])
    assert both.decrypt(old.encrypt(b"content", b""), b"") == b"content"
    assert both.first == Keyring([NEW]).first != old.first
    assert both.ids == {old.first, both.first}
    with pytest.raises(DecryptionError):
        old.decrypt(both.encrypt(b"content", b""), b"")


def test_without_a_key_nothing_is_sealed_or_opened():
    assert not Keyring()
    assert Keyring().first == ""
    with pytest.raises(DecryptionError):
        Keyring().decrypt(Keyring([OLD]).encrypt(b"content", b""), b"")
    with pytest.raises(KeyError):
        Keyring().encrypt(b"content", b"")


def test_whatever_is_changed_cut_off_or_moved_is_not_opened():
    keyring = Keyring([OLD])
    sealed = keyring.encrypt(b"content", b"mine")
    with pytest.raises(DecryptionError):
        keyring.decrypt(sealed, b"yours")
    for length in range(len(sealed)):
        with pytest.raises(DecryptionError):
            keyring.decrypt(sealed[:length], b"mine")
    for place in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[place] ^= 1 << bit
            with pytest.raises(DecryptionError):
                keyring.decrypt(bytes(changed), b"mine")


@pytest.mark.parametrize("length", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 300_000])
def test_a_file_is_read_as_it_was_written_from_any_place(length):
    keyring, content = Keyring([OLD]), os.urandom(length)
    sealed = sealed_file(content, keyring)
    assert encrypted_by(io.BytesIO(sealed)) == keyring.first
    assert read(sealed, Keyring([NEW, OLD])) == content
    with decrypting(io.BytesIO(sealed), keyring) as file:
        for place in np.random.default_rng(0).integers(0, length + 1, 50).tolist():
            file.seek(place)
            assert file.read(100) == content[place : place + 100]
        assert file.seek(0, os.SEEK_END) == length
    with pytest.raises(DecryptionError):
        read(sealed, Keyring([NEW]))


def test_pieces_of_a_file_cannot_be_left_out_swapped_or_taken_from_another():
    keyring, content = Keyring([OLD]), bytes(2 * PIECE + 100)
    sealed, another = sealed_file(content, keyring), sealed_file(content, keyring)
    first = len(sealed_file(b"", keyring)) - OVERHEAD  # where the pieces begin
    piece = PIECE + OVERHEAD
    begin, one, two, last = (sealed[:first], *(sealed[first + n * piece :][:piece] for n in range(3)))
    assert read(begin + one + two + last, keyring) == content
    for wrong in (
        begin + one + two,
        begin + one + last,
        begin + two + one + last,
        begin + one + two + last + last,
        begin,
        another[:first] + one + two + last,
        sealed[:-1],
        sealed + b"x",
    ):
        with pytest.raises((DecryptionError, ValueError)):
            read(wrong, keyring)


def test_what_is_no_sealed_file_is_told_from_one():
    for content in (b"", b"sealed", b"0" * 64 + b"\n{}"):
        assert encrypted_by(io.BytesIO(content)) == ""
        with pytest.raises(DecryptionError):
            decrypting(io.BytesIO(content), Keyring([OLD]))
