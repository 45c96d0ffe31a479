"""Our code with one guard taken away, for the twins.

Applications are served as `served(folder, app="tests.security.weakened:NAME()")`.
"""

import cv2
import numpy as np
from flask import Flask

import core.images
from core.factory import create_app


def without_header_check() -> Flask:
    """Decodes whatever OpenCV takes, of any size; OpenCV's own limit is MAX_IMAGE_PIXELS, which is set beside it."""

    def decode(content, policy):
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)

    core.images.decode = decode
    return create_app()
