"""Files that claim, hold or cost far more than their size, and headers no encoder writes."""

import struct
import zlib
from itertools import product

from tests.containers import (
    JPEG_TABLES,
    animation,
    canvas,
    chunk,
    frame,
    jpeg,
    lossless,
    lossy,
    png,
    progressive,
    scan,
    segment,
    webp,
    zeros,
)

SIZES = [
    (0, 0),
    (0, 100),
    (100, 0),
    (1, 1),
    (7, 7),
    (8, 320),
    (8, 321),
    (2000, 2000),
    (2000, 2001),
    (16384, 16384),
    (20_000, 20_000),
    (65535, 65535),
    (1 << 24, 1 << 24),
    ((1 << 31) - 1, (1 << 31) - 1),
    (1 << 31, 1),
    ((1 << 32) - 1, (1 << 32) - 1),
]
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
TEXT = zeros(7_900_000)


def bombs():
    """(description, file) of each."""
    for parts in (_claims, _foreign_claims, _png_kinds, _png_bombs, _jpeg_kinds, _jpeg_bombs, _webps):
        yield from parts()


def _claims():
    for width, height in SIZES:
        size = f"{width} x {height}"
        yield f"PNG claiming {size}", png(width, height, chunk(b"IDAT", zeros(1000)))
        short = width & 0xFFFF, height & 0xFFFF
        yield f"JPEG claiming {size}", jpeg(JPEG_TABLES, frame(*short), scan())
        yield f"lossy WebP claiming {size}", webp(lossy(width, height, bytes(100)))
        yield f"lossless WebP claiming {size}", webp(lossless(width, height))
        yield f"extended WebP claiming {size}", webp(canvas(width, height), lossless(8, 8))


def _foreign_claims():
    for width, height in ((0, 0), (8, 8), (20_000, 20_000)):
        yield "BMP", struct.pack("<2sIIIIiiHHIIiiII", b"BM", 54, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
        yield "GIF", b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + bytes(6) + b","
        yield "TIFF", b"II*\0\x08\0\0\0\2\0" + struct.pack("<HHIIHHII", 256, 4, 1, width, 257, 4, 1, height) + bytes(4)
        yield "Netpbm", b"P6 %d %d 255\n" % (width, height)
        yield "HDR", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (height, width)
        header = chunk(b"ihdr", struct.pack(">IIHBBBB", height, width, 3, 7, 7, 0, 0))
        yield "JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n" + header


def _png_kinds():
    for colour, interlace in product(DEPTHS, (0, 1)):
        palette = [chunk(b"PLTE", bytes(768))] if colour == 3 else []
        for depth in DEPTHS[colour]:
            data = chunk(b"IDAT", zeros(1100 * 1010 * CHANNELS[colour] * depth // 8))
            kind = f"PNG of colour type {colour}, {depth} bits, interlace {interlace}"
            yield kind, png(1000, 1000, *palette, data, depth=depth, colour=colour, interlace=interlace)
    for depth, colour, interlace in ((3, 0, 0), (16, 3, 0), (4, 2, 0), (8, 5, 0), (8, 7, 0), (0, 0, 0), (8, 2, 2)):
        yield (
            "PNG of no legal kind",
            png(100, 100, chunk(b"IDAT", zeros(99_999)), depth=depth, colour=colour, interlace=interlace),
        )


def _png_bombs():
    rows = chunk(b"IDAT", zeros(64 * 193))
    texts = {
        "zTXt": chunk(b"zTXt", b"k\0\0" + TEXT),
        "iTXt": chunk(b"iTXt", b"k\0\1\0\0\0" + TEXT),
        "iCCP": chunk(b"iCCP", b"k\0\0" + TEXT),
    }
    for (name, text), count in product(texts.items(), (1, 33, 1000)):
        yield f"PNG with {count} {name} of 8 MB", png(64, 64, text * count, rows)
        yield f"PNG with {count} {name} of 8 MB at its end", png(64, 64, rows, text * count)
    yield "PNG with three kinds of text", png(64, 64, *texts.values(), rows)
    yield "PNG with a large profile", png(64, 64, chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(50_000_000))), rows)
    for inflated in (1 << 28, 1 << 32):
        bomb = zeros(inflated + 64 * 193)
        yield f"PNG inflating to {inflated} bytes", png(64, 64, chunk(b"IDAT", bomb))
        parts = [chunk(b"IDAT", bomb[at : at + 4096]) for at in range(0, len(bomb), 4096)]
        yield f"PNG inflating to {inflated} bytes, in parts", png(64, 64, *parts)
        yield f"large PNG inflating to {inflated} bytes", png(2000, 2000, chunk(b"IDAT", bomb))
    yield "PNG of empty chunks", png(64, 64, rows, chunk(b"IDAT") * 100_000)
    yield "PNG of unknown chunks", png(64, 64, chunk(b"abCd") * 100_000, rows)
    yield "PNG with a second header", png(64, 64, png(20_000, 20_000)[8:33], rows)
    yield "PNG whose header comes late", png(64, 64)[:8] + rows + png(64, 64)[8:]
    for length, kind in product((1 << 30, 0xFFFFFFFF), (b"tEXt", b"IDAT", b"IEND", b"fcTL")):
        claim = chunk(kind, length=length)
        yield f"PNG with a chunk of {length} bytes", png(64, 64, claim, rows)
        yield f"PNG with a chunk of {length} bytes at its end", png(64, 64, rows, claim)
        yield f"PNG with a chunk of {length} bytes after its end", png(64, 64, chunk(b"IEND"), claim, rows)
    yield "PNG with rows missing", png(2000, 2000, rows)
    for width, frames in ((64, 1), (64, 10_000), (2000, 1), (20_000, 1)):
        control = struct.pack(">IIIIHHBB", width, width, 0, 0, 1, 10, 0, 0)
        data = [chunk(b"fcTL", struct.pack(">I", number) + control) for number in range(frames)]
        yield f"APNG of {frames} frames of {width}", png(64, 64, chunk(b"acTL", bytes([0] * 7 + [9])), *data, rows)


def _jpeg_kinds():
    for kind in range(0xC0, 0xD0):
        yield f"JPEG with frame {kind:X}", jpeg(JPEG_TABLES, frame(64, 64, kind=kind), scan())
    for precision, components, sampling in product((8, 12, 16), (0, 1, 3, 4, 255), (0x11, 0x44)):
        head = frame(64, 64, precision=precision, components=components, sampling=sampling)
        yield f"JPEG of {components} x {precision} bits", jpeg(JPEG_TABLES, head, scan(components=min(components, 4)))
    for sampling in (0x00, 0x14, 0x41, 0x55, 0xFF):
        yield "JPEG of odd sampling", jpeg(JPEG_TABLES, frame(64, 64, sampling=sampling), scan())


def _jpeg_bombs():
    small, large = frame(64, 64), frame(20_000, 20_000)
    for scans in (10, 100, 101, 1000, 100_000, 1_000_000):
        yield f"JPEG of {scans} scans", progressive(2000, 2000, scans)
    yield "JPEG of scans, cut off", progressive(2000, 2000, 100_000)[:-2] + b"\xff\xda"
    yield "JPEG of scans behind a thumbnail", jpeg(segment(0xE1, jpeg(small)), progressive(2000, 2000, 100_000)[2:])
    yield "JPEG with a larger second frame", jpeg(JPEG_TABLES, small, large, scan())
    yield "JPEG with a larger frame after its scan", jpeg(JPEG_TABLES, small, scan(), large, scan())
    yield "JPEG with a larger picture behind it", jpeg(JPEG_TABLES, small, scan()) + jpeg(JPEG_TABLES, large, scan())
    hidden = segment(0xFE, small)
    yield (
        "JPEG whose frame hides behind FF 00",
        jpeg(b"\xff\0" + struct.pack(">H", len(JPEG_TABLES + large) + 4 + 2), JPEG_TABLES, large, hidden, scan()),
    )
    yield "JPEG with stray bytes", jpeg(b"\0" * 1000, JPEG_TABLES, b"\1" * 1000, large, scan())
    yield "JPEG with fill bytes", jpeg(b"\xff" * 100_000, JPEG_TABLES, small, scan())
    yield "JPEG of empty segments", jpeg(segment(0xE0) * 200_000, JPEG_TABLES, small, scan())
    yield "JPEG whose height comes later", jpeg(JPEG_TABLES, frame(64, 0), scan(), segment(0xDC, b"\xff\xff"))
    for length in (0, 1, 3, 0xFFFF):
        yield "JPEG with a wrong length", jpeg(segment(0xE1, b"Exif\0\0", length=length), JPEG_TABLES, small, scan())
    for interval, markers in ((1, 0), (1, 100_000), (0xFFFF, 100_000), (0, 100_000)):
        restarts = b"".join(bytes([0xFF, 0xD0 + number % 8]) for number in range(markers))
        restart = segment(0xDD, struct.pack(">H", interval))
        yield f"JPEG of {markers} restarts", jpeg(restart, JPEG_TABLES, frame(2000, 2000), scan(), restarts)
    yield "JPEG without tables", jpeg(small, scan())
    yield "JPEG without frame", jpeg(JPEG_TABLES, scan())
    yield "JPEG in JPEG", jpeg(jpeg(JPEG_TABLES), JPEG_TABLES, small, scan())
    yield "JPEG of nothing", jpeg()
    for entries in (1, 0xFFFF):
        tag = struct.pack(">HHII", 0x0112, 3, 0xFFFFFFFF, 0xFFFFFFFF)
        exif = segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", entries) + tag)
        yield f"JPEG with {entries} EXIF entries", jpeg(exif, JPEG_TABLES, small, scan())


def _webps():
    for (width, height), inner in product(((8, 8), (64, 64), (2000, 2000)), (lossy, lossless)):
        yield "WebP larger than its canvas", webp(canvas(width, height), inner(16383, 16383))
        yield "WebP smaller than its canvas", webp(canvas(width, height), inner(8, 8))
    for side, frames in ((64, 1), (64, 100_000), (2000, 1), (2000, 1000), (20_000, 1)):
        yield f"WebP of {frames} frames on {side}", animation(side, side, frames)
    yield "WebP whose frame is larger than its canvas", animation(64, 64, 1, frame_width=16383, frame_height=16383)
    for flags in (0x00, 0x04, 0x08, 0x10, 0x20, 0x3E, 0xFF):
        yield "WebP that flags what it has not", webp(canvas(64, 64, flags), lossless(64, 64))
    yield "WebP of two pictures", webp(lossless(64, 64), lossless(16383, 16383))
    yield "WebP of unknown chunks", webp(canvas(64, 64), *[(b"abcd", b"")] * 100_000, lossless(64, 64))
    yield "WebP without picture", webp()
