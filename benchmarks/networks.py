"""Networks of real size in place of those whose weights are not to be had: DeepFace's own PyTorch classes, at random.

What the weights are does not change what a network costs. They are made once, which takes minutes, 4 GB of disk and
`requirements-bench.txt`, and are kept outside the checkout.

The real age, gender and race networks were trained upon the frozen convolutions of VGG-Face. Here these are planted:
the same numbers, bit by bit, in all four. The `unshared` ones have convolutions of their own.
"""

import logging
import multiprocessing
import os
import warnings
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from core.files import atomically_written
from services.models.catalogue import catalogue

ATTRIBUTES = ("age", "gender", "emotion", "race")
_NAMES = ("VGG-Face", "Facenet512", "ArcFace", *ATTRIBUTES)
_ON_THE_TRUNK = ("age", "gender", "race")

_RECIPE = "1"  # names the folder: with another number all are made anew


@contextmanager
def home_of_networks(*, unshared: bool = False) -> Iterator[Path]:
    """A DEEPFACE_HOME, for as long as the block lasts, with links to all networks; those that are missing are made."""
    files = {name: _file(name, "unshared" if unshared and name in _ON_THE_TRUNK else "shared") for name in _NAMES}
    for name, file in files.items():
        if not file.exists():
            print(f"making {name} at random, once: {file}", flush=True)
            # A process for each, since an export leaves gigabytes behind.
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as apart:
                apart.submit(_make, name, file).result()
    with TemporaryDirectory() as folder:
        weights = Path(folder, ".deepface", "weights")
        weights.mkdir(parents=True)
        for file in files.values():
            (weights / file.name).symlink_to(file)
        yield Path(folder)


def _file(name: str, trunk: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "face-service-bench" / _RECIPE / trunk / catalogue.find(name).files[0].name


def _make(name: str, file: Path) -> None:
    """Export the network as DeepFace's own files are: ONNX, channels-last, of any batch size."""
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    warnings.simplefilter("ignore", FutureWarning)  # of the exporter about itself

    class ChannelsLast(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, network: Any) -> None:
            super().__init__()
            self.network = network

        def forward(self, pictures: Any) -> Any:
            return self.network(pictures.permute(0, 3, 1, 2))

    network = _at_random(name, seed=zlib.crc32(name.encode()))
    if name in _ON_THE_TRUNK and file.parent.name == "shared":
        vgg_face = _at_random("VGG-Face", seed=zlib.crc32(b"VGG-Face")).model.state_dict()
        trunk = {key: value for key, value in vgg_face.items() if key.startswith("conv")}
        network.backbone.load_state_dict(trunk, strict=False)
    width, height = catalogue.find(name).input_px or (0, 0)
    exported = torch.onnx.export(
        ChannelsLast(network).eval(),
        (torch.zeros(2, height, width, 1 if name == "emotion" else 3),),
        input_names=["input"],
        output_names=["output"],
        dynamic_shapes=({0: torch.export.Dim("n", min=1)},),
        dynamo=True,
        verbose=False,
    )
    with atomically_written(file) as target:
        target.write(exported.model_proto.SerializeToString())


def _at_random(name: str, seed: int) -> Any:
    """DeepFace's class, filled so that the deepest layers still depend on the picture (He et al. 2015)."""
    import torch
    from deepface.models.demography.pytorch import Age, Emotion, Gender, Race
    from deepface.models.facial_recognition.pytorch import ArcFace, Facenet, VGGFace

    builders = {
        "VGG-Face": lambda: VGGFace.VggFaceDescriptor(VGGFace.base_model()),
        "Facenet512": lambda: Facenet.InceptionResNetV1(dimension=512),
        "ArcFace": ArcFace.base_model,
        "age": Age.base_model,
        "gender": Gender.base_model,
        "emotion": Emotion.base_model,
        "race": Race.base_model,
    }
    torch.manual_seed(seed)
    network = builders[name]()
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return network
