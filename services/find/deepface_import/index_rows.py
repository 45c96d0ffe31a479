"""Reads DeepFace's own index of a photo folder: its file name, its rows, and which rows are still valid.

The file is in the photo folder, where others may write. So everything in it is checked before use.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha1
from typing import Any, get_args

import numpy as np

from core.files import Signature
from schemas.common import EmbeddingOptions
from schemas.names import DetectorName, ModelName, Normalization
from services.deepface.interface import EmbeddingSpace
from services.faces.options import NOT_ALIGNED
from services.find.index import Floats, IndexKey, PhotoFaces
from services.models.catalogue import catalogue

_WAY = {"alignment": "eyes", "detection": "deepface"}  # how DeepFace itself aligns and detects

_NAME = re.compile(
    r"ds_model_([a-z0-9_]+)_detector_([a-z0-9]+)_(aligned|unaligned)_normalization_([a-z0-9]+)_expand_(\d{1,3})\.pkl"
)

_MAX_PX = 1_000_000  # maximum side of a photo


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFace:
    """A row of DeepFace's index: a face of a photo, or a photo without a face.

    - `identity`: path of the photo. It starts with the folder as it was passed to DeepFace.
    - `hash`: `photo_hash` of the photo at that time.
    - `box`: x, y, w, h in pixels.
    - `embedding`: float32 of shape (dimension,); None without a face.
    """

    identity: str
    hash: str
    box: tuple[int, int, int, int]
    embedding: Floats | None


def file_name(key: IndexKey) -> str | None:
    """DeepFace's file name for the index with the embeddings of `key`; None if DeepFace never makes such an index."""
    space = key.space
    if space.detection != _WAY["detection"] or space.alignment not in (_WAY["alignment"], NOT_ALIGNED):
        return None
    aligned = "unaligned" if space.alignment == NOT_ALIGNED else "aligned"
    name = f"ds_model_{space.model}_detector_{key.detector}_{aligned}"
    return f"{name}_normalization_{space.normalization}_expand_{space.expand_percentage}.npz".replace("-", "").lower()


def pickle_options(name: str) -> dict[str, Any]:
    """The fields of `EmbeddingOptions` in DeepFace's file name of a pickle; empty if the name is not DeepFace's."""
    match = _NAME.fullmatch(name)
    if match is None:
        return {}
    model, detector, aligned, normalization, percentage = match.groups()
    said = {
        "model_name": _spelled(model, get_args(ModelName.__value__)),
        "detector_backend": _spelled(detector, get_args(DetectorName.__value__)),
        "normalization": _spelled(normalization, get_args(Normalization.__value__)),
    }
    return said | {"align": aligned == "aligned", "expand_percentage": int(percentage)}


def deepface_way(options: Mapping[str, Any]) -> EmbeddingOptions:
    """These options, with faces searched and aligned as in DeepFace.

    Raises:
        pydantic.ValidationError: an option has a value that is invalid in a request.
    """
    return EmbeddingOptions.model_validate({**options, **_WAY})


def in_deepfaces_way(space: EmbeddingSpace) -> EmbeddingSpace:
    """The space of the same model, with faces searched and aligned as in DeepFace."""
    alignment = NOT_ALIGNED if space.alignment == NOT_ALIGNED else _WAY["alignment"]
    return replace(space, alignment=alignment, detection=_WAY["detection"])


def _spelled(name: str, known: Iterable[str]) -> str:
    """The name in `known` that DeepFace writes as `name`; `name` itself if there is none."""
    return next((one for one in known if one.replace("-", "").lower() == name), name)


def photo_hash(signature: Signature) -> str:
    """The result of DeepFace's `find_image_hash` for a photo with this signature."""
    size, mtime_ns, ctime_ns = signature
    return sha1(f"{size}-{_seconds(ctime_ns)}-{_seconds(mtime_ns)}".encode(), usedforsecurity=False).hexdigest()


def _seconds(nanoseconds: int) -> float:
    """The float that `os.stat` returns for a time. `nanoseconds / 10**9` often differs from it."""
    whole, rest = divmod(nanoseconds, 10**9)
    return whole + 1e-9 * rest


def match_rows(key: IndexKey, wanted: Mapping[str, Signature], rows: Iterable[RecordedFace]) -> dict[str, PhotoFaces]:
    """The `wanted` photos that are unchanged in `rows` and have only valid faces. Errors of `rows` propagate.

    A photo is unchanged if its hash is the recorded one and its name is the end of the identity. Only the end counts,
    because the folder may have been mounted elsewhere.
    """
    hashes = {name: photo_hash(signature) for name, signature in wanted.items()}
    found: dict[str, tuple[str, list[RecordedFace]]] = {}
    for row in rows:
        name = _tail(row.identity, row.hash, hashes)
        if name is not None:
            identity, faces = found.setdefault(name, (row.identity, []))
            if identity == row.identity:  # another identity is the same photo, recorded twice
                faces.append(row)
    sound = {name: _sound(key, wanted[name], faces) for name, (_, faces) in found.items()}
    return {name: faces for name, faces in sound.items() if faces is not None}


def _tail(identity: str, recorded: str, hashes: Mapping[str, str]) -> str | None:
    """The photo whose name is the end of `identity` and whose hash is `recorded`. Longer names are tried first."""
    slash = "/"
    while slash:
        if hashes.get(identity) == recorded:
            return identity
        _, slash, identity = identity.partition("/")
    return None


def _sound(key: IndexKey, signature: Signature, rows: list[RecordedFace]) -> PhotoFaces | None:
    """The faces of one photo; None if the photo must be embedded again.

    This is the case in three situations:
    - DeepFace found no face.
    - DeepFace may have used the whole photo as the face (`enforce_detection=False`).
    - The numbers cannot be from DeepFace.
    """
    dimension = catalogue.find(key.space.model).dim
    if any(row.embedding is None or row.embedding.shape != (dimension,) for row in rows):
        return None
    embeddings = np.array([row.embedding for row in rows], np.float32)
    boxes = np.array([row.box for row in rows])
    whole_picture = (boxes[:, :2] == 0).all(axis=1) & (key.detector != "skip")
    if (
        whole_picture.any()
        or not (np.isfinite(embeddings).all() and embeddings.any(axis=1).all())
        or not ((boxes >= 0) & (boxes <= _MAX_PX)).all()
    ):
        return None
    return PhotoFaces(signature=signature, boxes=boxes.astype(np.int32), embeddings=embeddings)
