"""The index files that DeepFace leaves in a photo folder, as its versions wrote them."""

import hashlib
import os
import pickle

import numpy as np

NPZ = "ds_model_dlib_detector_opencv_aligned_normalization_base_expand_0.npz"
PKL = "ds_model_dlib_detector_opencv_aligned_normalization_base_expand_0.pkl"
DIMENSION = 128
COLUMNS = ("identity", "hash", "target_x", "target_y", "target_w", "target_h")


def row(folder, name, embedding, box=(20, 30, 40, 40), *, number=float, whole=int):
    """A face of the photo `name`; `number` and `whole` make its numbers."""
    status = os.stat(folder / name)
    digest = hashlib.sha1(f"{status.st_size}-{status.st_ctime}-{status.st_mtime}".encode()).hexdigest()
    values = None if embedding is None else [number(value) for value in embedding]
    edges = dict(zip(COLUMNS[2:], map(whole, (0, 0, 0, 0) if embedding is None else box), strict=True))
    return {"identity": os.path.join(folder, name), "hash": digest, "embedding": values} | edges


def rows(folder, **numbers):
    """A face of its own for each photo of the folder, the first of them with two."""
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))
    chance = np.random.default_rng(1)
    return [row(folder, name, chance.normal(size=DIMENSION), **numbers) for name in [names[0], *names]]


def as_arrays(rows):
    """The arrays that DeepFace 0.0.102 makes of the rows."""
    has = np.array([row["embedding"] is not None for row in rows], bool)
    embedding = np.array([row["embedding"] or [0.0] * DIMENSION for row in rows], np.float64)
    return {"embedding": embedding, "has_embedding": has} | {
        name: np.array([row[name] for row in rows], np.str_ if name in COLUMNS[:2] else np.int64) for name in COLUMNS
    }


def write_npz(path, rows, **changed):
    """As DeepFace 0.0.102; `changed` arrays take the place of its own, None leaves one out."""
    arrays = as_arrays(rows) | changed
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


def write_pickle(path, rows):
    """As DeepFace 0.0.101."""
    path.write_bytes(pickle.dumps(rows, pickle.HIGHEST_PROTOCOL))
