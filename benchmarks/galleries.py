"""Folders of photos whose index is in place, ours and DeepFace's, with embeddings that no network made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
from deepface import DeepFace
from deepface.commons import image_utils
from deepface.modules import recognition
from deepface.modules.filestore import LocalFileStore
from onnx import TensorProto, helper, numpy_helper

from benchmarks.overhead import pictures
from core.images.decoding import ImagePolicy
from core.images.folder import PhotoLister
from core.settings import Settings
from schemas.common import EmbeddingOptions
from services.deepface.engine import DeepFaceEngine
from services.faces.options import Defaults
from services.find.index import Floats, FolderIndex, IndexKey
from services.find.indexer import FolderIndexer
from services.find.photo_list import Photos
from services.find.photos import PhotoEmbedder
from services.find.store import FolderIndexStore
from services.models.weights import Weights

DETECTOR = "opencv"
ALIKE = 10  # photos of a gallery that the query is to be found in

_STAND_IN = ("vgg_face_weights.onnx", 224, 4096)  # file, pixels a side, numbers a face
_CELL_PX = 28


class Engines:
    """Our engine and DeepFace's own, on the weights below `home`: Dlib's, and a stand-in for VGG-Face's."""

    def __init__(self, home: Path) -> None:
        self.home = home
        weights = Weights(home)
        weights.install_packaged()
        name, side, dimension = _STAND_IN
        (home / ".deepface" / "weights" / name).write_bytes(_network(side, dimension).SerializeToString())
        settings = Settings()
        self.engine = DeepFaceEngine(weights, lanes=settings.lanes, cores=settings.cores)
        self.query = pictures()[0]
        (home / "query.jpg").write_bytes(self.query)

    def settings(self, folder: Path, model: str) -> dict[str, str]:
        """What the service runs with, to search `folder`."""
        return {"FACES_DB_PATH": str(folder), "DEFAULT_MODEL": model, "DATA_PATH": str(self.home / "data")}

    def indexer(self, folder: Path, model: str, *, batch_size: int | None = None) -> tuple[FolderIndexer, IndexKey]:
        """Our indexer of `folder`, as the service has it or with other batches, and the key of its index."""
        settings = Settings.model_validate(self.settings(folder, model))
        policy = ImagePolicy(max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels)
        indexer = FolderIndexer(
            engine=self.engine,
            store=self.store,
            embedder=PhotoEmbedder(engine=self.engine, policy=policy, max_faces=256),
            folder=str(folder),
            lanes=settings.lanes,
            batch_size=batch_size or settings.batch_max_size,
            refresh_s=settings.faces_db_refresh_s,
        )
        plan = Defaults.of(settings).embedding_plan(EmbeddingOptions.model_validate({}))
        return indexer, indexer.key(DETECTOR, plan.space)

    @property
    def store(self) -> FolderIndexStore:
        """The store of our service."""
        return FolderIndexStore(self.home / "data" / "folder_index")

    def deepface_find(self, folder: Path, model: str) -> list[str]:
        """The names that `DeepFace.find` finds the query in; builds and reads the datastore as it does."""
        (rows,) = DeepFace.find(
            str(self.home / "query.jpg"),
            str(folder),
            model_name=model,
            detector_backend=DETECTOR,
            silent=True,
            return_type="dict",
        )
        return sorted(str(row["identity"]) for row in rows)


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """A folder with one face a photo, ten of them the query's; `probe` is float64 of shape (d,)."""

    folder: Path
    model: str
    probe: npt.NDArray[np.float64]
    embeddings: Floats

    @classmethod
    def made(cls, engines: Engines, model: str, count: int) -> "Gallery":
        """A gallery of `count` photos, with our index and DeepFace's datastore."""
        folder = engines.home / f"{model}-{count}"
        write_photos(folder, count, shrunk=4)
        represented: Any = DeepFace.represent(
            str(engines.home / "query.jpg"), model_name=model, detector_backend=DETECTOR
        )
        probe = np.array(represented[0]["embedding"])
        gallery = cls(folder=folder, model=model, probe=probe, embeddings=_around(probe, count))
        _, key = engines.indexer(folder, model)
        write_index(engines.store, key, gallery.embeddings)
        write_datastore(gallery)
        return gallery

    @property
    def count(self) -> int:
        """How many photos there are."""
        return len(self.embeddings)

    def __str__(self) -> str:
        return f"{self.count:6,} x {len(self.probe):4}"

    @property
    def datastore(self) -> str:
        """Where DeepFace keeps what it knows of the folder."""
        model = self.model.replace("-", "").lower()
        return str(self.folder / f"ds_model_{model}_detector_{DETECTOR}_aligned_normalization_base_expand_0.npz")


def write_photos(folder: Path, count: int, *, shrunk: int) -> None:
    """Write `count` different files that show one of two people, a few times smaller than `pictures` are."""
    contents = [_shrunk(content, shrunk) for content in pictures()]
    for number in range(count):
        path = folder / f"person{number // 10:05}" / f"photo{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents[number % 2] + number.to_bytes(4))  # what follows a JPEG's end is not looked at


def write_index(store: FolderIndexStore, key: IndexKey, embeddings: Floats) -> None:
    """Save the index of the folder as it is, with these embeddings, one a photo in the order of the names."""
    photos = Photos.of((file.name, file.signature) for file in PhotoLister().photos(key.folder))
    count = len(photos)
    index = FolderIndex(
        photos=photos,
        problems=np.zeros(count, np.uint8),
        photo_of_row=np.arange(count, dtype=np.int32),
        boxes=np.ones((count, 4), np.int32),
        embeddings=embeddings,
    )
    store.save(key, index)


def write_datastore(gallery: Gallery) -> None:
    """Save what DeepFace would keep of the gallery."""
    names = sorted(file.name for file in PhotoLister().photos(gallery.folder))
    paths = [str(gallery.folder / name) for name in names]
    box = dict.fromkeys(("target_x", "target_y", "target_w", "target_h"), 1)
    rows = [
        {"identity": path, "hash": image_utils.find_image_hash(path), "embedding": embedding, **box}
        for path, embedding in zip(paths, gallery.embeddings, strict=True)
    ]
    recognition.__save_representations(LocalFileStore(str(gallery.folder)), gallery.datastore, "npz", rows)


def _shrunk(content: bytes, times: int) -> bytes:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return cv2.imencode(".jpg", image[::times, ::times])[1].tobytes()


def _around(probe: npt.NDArray[np.float64], count: int) -> Floats:
    """Embeddings as long as `probe`, in any direction; `ALIKE` of them nearly its own."""
    rng = np.random.default_rng(count)
    rows = rng.standard_normal((count, len(probe)), dtype=np.float32)
    rows *= np.float32(np.linalg.norm(probe)) / np.linalg.norm(rows, axis=1, keepdims=True)
    alike = rng.choice(count, ALIKE, replace=False)
    rows[alike] = probe + 0.1 * rows[alike]
    return rows


def _network(side: int, dimension: int) -> onnx.ModelProto:
    """Every 28th pixel and one random dense layer: what is measured here is not the network."""
    rng = np.random.default_rng(0)
    constants = {
        "weights": rng.standard_normal((3 * (side // _CELL_PX) ** 2, dimension), dtype=np.float32),
        "starts": np.array([0, 0]),
        "ends": np.array([side, side]),
        "axes": np.array([1, 2]),
        "steps": np.array([_CELL_PX, _CELL_PX]),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Slice", ["input", "starts", "ends", "axes", "steps"], ["cells"]),
            helper.make_node("Flatten", ["cells"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["output"]),
        ],
        "stand-in",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", side, side, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", dimension])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
