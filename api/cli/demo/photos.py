"""The sample photos and what happens to photos in practice: another crop or light, a tilted camera, a smaller file."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike

Pixels = npt.NDArray[np.uint8]

PEOPLE = ("astronaut", "hopper")
_JPEG_QUALITY = 60  # as lossy as a messenger makes a photo


def photo(person: str) -> bytes:
    """Return the photo of one of `PEOPLE` as JPEG."""
    return _jpeg(_read(person))


def variations(person: str) -> Iterator[tuple[str, bytes]]:
    """Yield the photo as it might come from elsewhere, as JPEG, each with a name."""
    image = _read(person)
    height, width = image.shape[:2]
    yield "cropped", _jpeg(image[: height * 8 // 10, width // 10 : width * 9 // 10])
    yield "darker", _jpeg(cv2.convertScaleAbs(image, alpha=0.75, beta=10))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 7, 1)
    yield "tilted", _jpeg(cv2.warpAffine(image, turn, (width, height)))
    yield "smaller", _jpeg(cv2.resize(image, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA))


class PhotoFolder:
    """The photos of both people below the folder that `/find` searches, and what of them was not there before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: list[Path] = []

    def write(self) -> int:
        """Write the photos, each person in a folder; returns how many there are."""
        photos = [
            (self._folder / person / f"{name}.jpg", jpeg) for person in PEOPLE for name, jpeg in variations(person)
        ]
        for path, jpeg in photos:
            for folder in (path.parent.parent, path.parent):
                if not folder.exists():
                    folder.mkdir()
                    self._made.append(folder)
            if not path.exists():
                path.write_bytes(jpeg)
                self._made.append(path)
        return len(photos)

    def remove_photos(self) -> None:
        """Remove the photos that `write` made, with their folders."""
        while self._made and self._made[-1] != self._folder:
            path = self._made.pop()
            path.rmdir() if path.is_dir() else path.unlink()

    def remove_folder(self) -> None:
        """Remove the whole folder, if `write` made it and `remove_photos` emptied it."""
        if self._made:
            self._folder.rmdir()


def _read(person: str) -> Pixels:
    encoded = np.frombuffer(files(__package__).joinpath(f"{person}.jpg").read_bytes(), np.uint8)
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def _jpeg(image: MatLike) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
