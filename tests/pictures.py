"""Pictures that the fake engine can read: on black, every block of one colour is a face and the colour its person."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

# As (blue, green, red). Alice and Alicia are near to each other, Bob is far from both; the red says how live they are.
ALICE: Colour = (32, 64, 224)
ALICIA: Colour = (32, 96, 224)
BOB: Colour = (224, 224, 160)
MASK: Colour = (224, 32, 32)  # red below 64: not a live face


@dataclass(frozen=True)
class Block:
    """One face: where, how large, whose."""

    colour: Colour
    x: int = 20
    y: int = 30
    w: int = 40
    h: int = 40


def picture(*blocks: Block, width: int = 200, height: int = 120) -> Pixels:
    """A BGR picture with these faces."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for block in blocks:
        pixels[block.y : block.y + block.h, block.x : block.x + block.w] = block.colour
    return pixels


def encoded(pixels: Pixels, suffix: str = ".png", parameters: Sequence[int] = ()) -> bytes:
    """The picture as a file of the format `suffix` stands for."""
    ok, content = cv2.imencode(suffix, pixels, list(parameters))
    assert ok
    return content.tobytes()


def photo(*colours: Colour, suffix: str = ".png") -> bytes:
    """A file with one face per colour, side by side."""
    return encoded(picture(*(Block(colour, x=20 + 60 * place) for place, colour in enumerate(colours))), suffix)


def write_photo(path: Path, *colours: Colour) -> Path:
    """A photo with these faces at `path`, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(photo(*colours, suffix=path.suffix))
    return path
