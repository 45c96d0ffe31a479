"""Judges the liveness of a face with DeepFace's two liveness models."""

import numpy as np
from deepface.commons import onnx_utils
from deepface.models.spoofing.FasNetUtils import crop
from deepface.models.spoofing.onnx.FasNet import Fasnet

from services.deepface.interface import FaceArea, LivenessScore, Pixels

# The scales of the models' inputs, in widths of the face's box (from their file names). Also the output class of a live
# face (github.com/minivision-ai/Silent-Face-Anti-Spoofing, test.py).
_SCALES = (2.7, 4)
_SIZE_PX = 80
_REAL = 1


def score_liveness(fasnet: Fasnet, image: Pixels, area: FaceArea) -> LivenessScore:
    """The mean of the outputs of both models for the face in this area of the image."""
    box = (area.x, area.y, max(1, area.w), max(1, area.h))  # DeepFace's box may be empty at the last pixel
    mean = np.mean(
        [
            onnx_utils.run_session(network, crop(image, box, scale, _SIZE_PX, _SIZE_PX))[0]
            for network, scale in zip((fasnet.first_model, fasnet.second_model), _SCALES, strict=True)
        ],
        axis=0,
    )
    return LivenessScore(is_real=bool(mean.argmax() == _REAL), probability=float(mean[_REAL]))
