"""What part of the float32 operations the processor can do in a second our engine does in a pass of VGG-Face."""

import os
from pathlib import Path

from benchmarks.timing import in_turn
from core.process import prepare_process
from core.settings import Settings

REPETITIONS = 15
MATRIX_SIDE = 3072  # 38 MB each: the time is that of the multiplications, not of the memory

# Pixels a side, channels in and channels out of VGG-Face's convolutions of 3 x 3; each block then halves the side.
_CONVOLUTIONS = (
    *((224, 3, 64), (224, 64, 64)),
    *((112, 64, 128), (112, 128, 128)),
    *((56, 128, 256), (56, 256, 256), (56, 256, 256)),
    *((28, 256, 512), (28, 512, 512), (28, 512, 512)),
    *((14, 512, 512), (14, 512, 512), (14, 512, 512)),
)
_DENSE = ((7 * 7 * 512, 4096), (4096, 4096))
VGG_FACE_FLOP = 2 * (
    sum(side**2 * 9 * before * after for side, before, after in _CONVOLUTIONS)
    + sum(before * after for before, after in _DENSE)
)


def gflops(home: Path, variables: dict[str, str]) -> tuple[float, float, int]:
    """Billions of operations a second in a pass of VGG-Face and in a product of large matrices, and their threads.

    Ours are those of a service with these environment variables: with the preparation of the picture, in one lane.
    To be called in a process of its own, before numpy is imported.
    """
    os.chdir(home)  # away from the project's .env
    os.environ.update(variables)
    settings = Settings(deepface_home=home)
    prepare_process(settings)
    # A pass has all cores while no other runs; numpy, which the service leaves one lane's share, needs them too.
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(settings.cores)
    # Only now: numpy reads at import how many threads it may use.
    import numpy as np

    from services.deepface.engine import DeepFaceEngine
    from services.models.weights import Weights

    engine = DeepFaceEngine(Weights(home), lanes=settings.lanes, cores=settings.cores)
    rng = np.random.default_rng(0)
    crop = rng.integers(0, 256, (224, 224, 3), np.uint8)
    matrix = rng.standard_normal((MATRIX_SIDE, MATRIX_SIDE), np.float32)
    took = in_turn(
        {
            "pass": lambda: engine.embed([crop], model="VGG-Face", normalization="base"),
            "product": lambda: matrix @ matrix,
        },
        REPETITIONS,
    )
    product_flop = 2 * MATRIX_SIDE**3
    return VGG_FACE_FLOP / took["pass"] / 1e6, product_flop / took["product"] / 1e6, settings.cores
