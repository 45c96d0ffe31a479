"""Uncompressed zips whose manifest has the SHA-256 of every other member."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from hashlib import sha256
from typing import IO
from zipfile import ZIP_STORED, ZipFile

CHUNK = 1 << 20  # bytes that are read or written at once

_MAX_MANIFEST = 1 << 28  # bytes


def chunks_of(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the rest of the file in chunks."""
    return iter(partial(file.read, CHUNK), b"")


def write_member(archive: ZipFile, name: str, *parts: Iterable[bytes]) -> str:
    """Write a member of these parts, and return its SHA-256 in hex."""
    digest = sha256()
    with archive.open(name, "w", force_zip64=True) as member:
        for part in parts:
            for chunk in part:
                digest.update(chunk)
                member.write(chunk)
    return digest.hexdigest()


def read_manifest(archive: ZipFile, name: str) -> bytes:
    """Return the member `name`, of an archive in which every member is uncompressed and occurs once.

    Raises:
        KeyError: there is no such member.
        ValueError: a member is compressed or occurs twice, or the manifest is too large.
    """
    members = {info.filename: info for info in archive.infolist()}
    if len(members) < len(archive.infolist()):
        raise ValueError("a member occurs twice")
    for info in members.values():  # an uncompressed member is no larger than the file
        if info.compress_type != ZIP_STORED or info.file_size != info.compress_size:
            raise ValueError("a member is compressed")
    if members[name].file_size > _MAX_MANIFEST:
        raise ValueError("the manifest is too large")
    return archive.read(name)


def check_members(archive: ZipFile, manifest: str, digests: Mapping[str, str]) -> None:
    """Return if the members are the manifest and those with a digest, byte for byte.

    Raises:
        ValueError: they are not.
    """
    if set(archive.namelist()) != {manifest, *digests}:
        raise ValueError("the members differ from the manifest")
    for name, expected in digests.items():
        digest = sha256()
        with archive.open(name) as member:
            for chunk in chunks_of(member):
                digest.update(chunk)
        if digest.hexdigest() != expected:
            raise ValueError("a member has changed")
