"""Reads HEIC images with the optional package pillow-heif (requirements-heic.txt)."""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from core.images.header import too_costly

# A photo of 48 megapixels in tiles of 512 x 512, a map of its brightness in tiles, and their properties have 500 boxes.
MAX_BOXES = 5000

# The tiles of a grid may reach beyond the image. libheif decodes each, however far outside it lies and however often
# the same tile is named.
_MAX_TILED = 2
_SMALLEST_PX = 1 << 20  # so many pixels in tiles are never too many, as of a thumbnail in tiles of 512 x 512

_DERIVED = frozenset({b"iovl", b"iden"})  # images made of any number of others, which no camera writes
_DAMAGED = (ValueError, EOFError, SyntaxError, RuntimeError, OSError)  # what pillow-heif raises
_Decoded = npt.NDArray[Any]


def heic_size(content: bytes) -> tuple[int, int] | None:
    """Return the width and height in pixels, upright, without decoding; None if the header is damaged.

    Raises:
        ImageDecodeError: the file has too many parts, or tiles of far more pixels than the image.
    """
    try:
        meta = _Meta(content)
        if meta.is_derived:
            raise too_costly("HEIC")
        width, height = _opened(content).size
    except (*_DAMAGED, struct.error, IndexError, KeyError):
        return None
    if meta.tiled_pixels() > max(_MAX_TILED * width * height, _SMALLEST_PX):
        raise too_costly("HEIC")
    return width, height


def decode_heic(content: bytes) -> _Decoded | None:
    """Return the pixels, upright, in grey, BGR or BGRA of 8 bits; None if they are damaged.

    libheif turns and mirrors as the container says, which is what counts: the orientation of HEIC's EXIF data is for
    information only (ISO/IEC 23008-12, annex A). It refuses coded pictures larger than the header says.
    """
    try:
        return np.asarray(_opened(content))
    except _DAMAGED:
        return None


def _opened(content: bytes) -> Any:
    import pillow_heif  # only where it is installed

    pillow_heif.options.DECODE_THREADS = 1  # each lane has a thread of its own
    pillow_heif.options.THUMBNAILS = pillow_heif.options.DEPTH_IMAGES = pillow_heif.options.AUX_IMAGES = False
    return pillow_heif.open_heif(content, convert_hdr_to_8bit=True, bgr_mode=True)


class _Meta:
    """What a file's `meta` box says of its images (ISO/IEC 14496-12, 8.11, and 23008-12, 6)."""

    def __init__(self, content: bytes) -> None:
        self._left = MAX_BOXES
        self._kinds: dict[int, bytes] = {}
        self._tiles: list[tuple[int, tuple[int, ...]]] = []
        self._pixels: dict[int, int] = {}
        for kind, box in self._boxes(memoryview(content)):
            if kind == b"meta":
                for inner, data in self._boxes(box[4:]):
                    self._read(inner, data)

    @property
    def is_derived(self) -> bool:
        """Whether an image is made of others in another way than by tiles, or of tiles of tiles."""
        grids = {item for item, kind in self._kinds.items() if kind == b"grid"}
        nested = any(grids & {*tiles} for item, tiles in self._tiles if item in grids)
        return nested or not _DERIVED.isdisjoint(self._kinds.values())

    def tiled_pixels(self) -> int:
        """Return the pixels of all tiles, each as often as it is named."""
        grids = (tiles for item, tiles in self._tiles if self._kinds.get(item) == b"grid")
        return sum(self._pixels.get(tile, 0) for tiles in grids for tile in tiles)

    def _boxes(self, data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
        at = 0
        while at + 8 <= len(data):
            self._left -= 1
            if self._left < 0:
                raise too_costly("HEIC")
            size, kind = struct.unpack_from(">I4s", data, at)
            start = at + 8
            if size == 1:
                size = struct.unpack_from(">Q", data, start)[0]
                start += 8
            end = at + size if size else len(data)
            if end < start:
                raise ValueError("a box is shorter than its head")
            yield kind, data[start:end]
            at = end

    def _read(self, kind: bytes, data: memoryview) -> None:
        match kind:
            case b"iinf":
                self._read_items(data[8 if data[0] else 6 :])
            case b"iref":
                self._read_references(data[4:], wide=bool(data[0]))
            case b"iprp":
                boxes = list(self._boxes(data))
                (properties,) = (box for name, box in boxes if name == b"ipco")
                sizes = [_pixels(size) if name == b"ispe" else 0 for name, size in self._boxes(properties)]
                for name, box in boxes:
                    if name == b"ipma":
                        self._read_properties(box, sizes)

    def _read_items(self, entries: memoryview) -> None:
        for _, entry in self._boxes(entries):
            layout = ">I2x4s" if entry[0] >= 3 else ">H2x4s"
            item, kind = struct.unpack_from(layout, entry, 4)
            self._kinds[item] = kind

    def _read_references(self, entries: memoryview, *, wide: bool) -> None:
        for kind, entry in self._boxes(entries):
            item, count = struct.unpack_from(">IH" if wide else ">HH", entry)
            if kind == b"dimg":
                tiles = struct.unpack_from(f">{count}{'I' if wide else 'H'}", entry, 6 if wide else 4)
                self._tiles.append((item, tiles))

    def _read_properties(self, data: memoryview, sizes: list[int]) -> None:
        """Note the size of each item, from the properties that are named for it."""
        wide_item, wide_index = data[0] >= 1, bool(data[3] & 1)
        at = 8
        for _ in range(struct.unpack_from(">I", data, 4)[0]):
            item, count = struct.unpack_from(">IB" if wide_item else ">HB", data, at)
            at += 5 if wide_item else 3
            named = struct.unpack_from(f">{count}{'H' if wide_index else 'B'}", data, at)
            at += count * (2 if wide_index else 1)
            places = [index & (0x7FFF if wide_index else 0x7F) for index in named]
            largest = max((sizes[place - 1] for place in places if 0 < place <= len(sizes)), default=0)
            self._pixels[item] = max(largest, self._pixels.get(item, 0))


def _pixels(ispe: memoryview) -> int:
    width, height = struct.unpack_from(">II", ispe, 4)
    return int(width) * int(height)
