"""Files that are small, or claim little, and cost a decoder processor seconds all the same."""

from itertools import product

from tests.containers import (
    JPEG_TABLES,
    canvas,
    chunk,
    exif_of_one_value,
    frame,
    jpeg,
    lossless,
    png,
    progressive,
    refining,
    scan,
    segment,
    webp,
    zeros,
)

SIDE = 5000
ROWS = chunk(b"IDAT", zeros(64 * 193))
SMALL = (JPEG_TABLES, frame(64, 64), scan())
NOISE = bytes(range(1, 255)) * 250

# An arithmetic decoder goes on where the data end, and a refinement looks at each coefficient again.
ARITHMETIC = jpeg(
    JPEG_TABLES, frame(SIDE, SIDE, kind=0xCA), scan(last=0, low=1), scan(first=1, low=1), scan(first=1, high=1) * 200
)
REFINING = refining(SIDE, SIDE, 150)
ORDINARY = refining(SIDE, SIDE, 16)  # as many scans as are allowed at any size
SHARED_VALUE = webp(canvas(64, 64, 8), lossless(64, 64), (b"EXIF", exif_of_one_value(4000, 7_900_000)))


def costly():
    """(description, file) of each."""
    yield "arithmetic coding", ARITHMETIC
    yield "arithmetic coding with data", jpeg(JPEG_TABLES, frame(SIDE, SIDE, kind=0xC9), (scan() + NOISE) * 20)
    for kind in (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF):
        yield f"JPEG with frame {kind:X}", progressive(SIDE, SIDE, 20, kind=kind)
    for scans in (17, 40, 41):
        yield f"{scans} refinement scans", refining(SIDE, SIDE, scans)
    yield "150 refinement scans behind a thumbnail", jpeg(segment(0xE1, b"Exif\0\0" + jpeg(*SMALL)), REFINING[2:])
    yield "20 refinement scans without an end", refining(SIDE, SIDE, 20)[:-2]
    yield "40 refinement scans without an end", refining(SIDE, SIDE, 40)[:-2]
    yield "restarts that do not come", jpeg(segment(0xDD, b"\0\1"), progressive(SIDE, SIDE, 20)[2:])
    yield "restarts only", jpeg(JPEG_TABLES, segment(0xDD, b"\0\1"), frame(SIDE, SIDE), scan(), b"\xff\xd0" * 2_000_000)
    yield "a second frame", jpeg(JPEG_TABLES, frame(SIDE, SIDE, kind=0xC2), scan(last=0) * 20, frame(64, 64), scan())
    for marker in (0xE0, 0xE1, 0xE2, 0xFE, 0xDB, 0xC4):
        yield f"segments {marker:X} without end", jpeg(segment(marker) * 2_500_000, *SMALL)
        yield f"segments {marker:X} without end, behind", jpeg(*SMALL, segment(marker) * 2_500_000)
    yield "tables without end", jpeg(JPEG_TABLES * 90_000, *SMALL)
    yield "fill bytes", jpeg(b"\xff" * 10_000_000, *SMALL)
    yield "stuffed bytes", jpeg(*SMALL, b"\xff\0" * 5_000_000)
    for kind in (b"IDAT", b"tEXt", b"abCd", b"fdAT"):
        yield f"{kind} without end", png(64, 64, chunk(kind) * 820_000, ROWS)
        yield f"{kind} without end, behind", png(64, 64, ROWS, chunk(kind) * 820_000)
    for name in (b"abcd", b"EXIF", b"ANMF"):
        yield f"{name} without end", webp(canvas(64, 64), *[(name, b"")] * 1_200_000, lossless(64, 64))
    yield "a value of EXIF, often, WebP", SHARED_VALUE
    for order in "<>":
        exif = exif_of_one_value(65_535, 7_900_000, order=order)
        yield "a value of EXIF, often, PNG", png(64, 64, chunk(b"eXIf", exif), ROWS)
        yield "a value of EXIF, often, PNG, behind", png(64, 64, ROWS, chunk(b"eXIf", exif))
        yield "a value of EXIF, often, WebP", webp(canvas(64, 64, 8), lossless(64, 64), (b"EXIF", exif))
        part = segment(0xE1, b"Exif\0\0" + exif_of_one_value(5000, 65_000, order=order))
        yield "a value of EXIF, often, JPEG", jpeg(part * 150, *SMALL)
    for (name, kind), size in product(((b"zTXt", b"k\0\0"), (b"iTXt", b"k\0\1\0\0\0")), (1000, 7_900_000)):
        yield f"{name} without end", png(64, 64, chunk(name, kind + zeros(size)) * 1000, ROWS)
