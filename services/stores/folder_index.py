"""Folder indexes as `.npz` files, one a key, in a folder of their own."""

import io
import json
import logging
import os
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from typing_extensions import override

from core.files import atomically_written
from services.stores.base import FolderIndex, FolderIndexStore, IndexKey

logger = logging.getLogger(__name__)

_FORMAT = 1


class NpzFolderIndexStore(FolderIndexStore):
    """One numpy archive a key below `folder`, never unpickled, replaced whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @override
    def ping(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if not os.access(self._folder, os.W_OK):
            raise PermissionError("not writable")

    @override
    def load(self, key: IndexKey) -> FolderIndex | None:
        try:
            with self._path(key).open("rb") as file, np.load(file, allow_pickle=False) as archive:
                if str(archive["header"]) != _header(key):
                    return None
                names = [str(name) for name in archive["photos"]]
                signatures = archive["signatures"].tolist()
                return FolderIndex(
                    photos={name: (s[0], s[1], s[2]) for name, s in zip(names, signatures, strict=True)},
                    names=[names[photo] for photo in archive["photo_of_face"]],
                    boxes=archive["boxes"],
                    embeddings=archive["embeddings"],
                )
        except FileNotFoundError:
            return None
        except Exception:  # whatever zipfile and numpy make of damaged bytes, the answer is to build it again
            logger.warning("a folder index is damaged and will be rebuilt", exc_info=True)
            return None

    @override
    def save(self, key: IndexKey, index: FolderIndex) -> None:
        photos = list(index.photos)
        position = {name: row for row, name in enumerate(photos)}
        content = io.BytesIO()
        np.savez(
            content,
            header=np.array(_header(key)),
            photos=np.array(photos, np.str_),
            signatures=np.array(list(index.photos.values()), np.int64).reshape(-1, 3),
            photo_of_face=np.array([position[name] for name in index.names], np.int32),
            boxes=index.boxes,
            embeddings=index.embeddings,
        )
        with atomically_written(self._path(key)) as file:
            file.write(content.getbuffer())

    def _path(self, key: IndexKey) -> Path:
        # Without the weights: an index of other ones is replaced, not left beside.
        return self._folder / f"{sha256(_header(replace(key, weights='')).encode()).hexdigest()[:32]}.npz"


def _header(key: IndexKey) -> str:
    return json.dumps({"format": _FORMAT, **asdict(key)}, sort_keys=True)
