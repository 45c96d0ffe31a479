"""Hand-made image files: the containers of PNG, JPEG and WebP, filled as no encoder would."""

import struct
import zlib


def chunk(kind, data=b"", *, length=None):
    """A PNG chunk; `length` is what it claims."""
    head = struct.pack(">I", len(data) if length is None else length)
    return head + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, *chunks, depth=8, colour=2, interlace=0):
    """A PNG of these chunks between its header and its end."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND")


def zeros(size):
    """So many zero bytes, deflated; from 16 MB on to the next multiple of it, and with a wrong checksum at the end."""
    block_size = 1 << 24
    if size < block_size:
        return zlib.compress(bytes(size), 9)
    deflater = zlib.compressobj(9)
    first = deflater.compress(bytes(block_size)) + deflater.flush(zlib.Z_FULL_FLUSH)
    again = deflater.compress(bytes(block_size)) + deflater.flush(zlib.Z_FULL_FLUSH)
    return first + again * (size // block_size) + deflater.flush()


def segment(marker, data=b"", *, length=None):
    """A JPEG marker segment; `length` is what it claims."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2 if length is None else length) + data


def frame(width, height, *, kind=0xC0, components=1, precision=8, sampling=0x11):
    """A JPEG frame header."""
    parts = b"".join(bytes([number + 1, sampling, 0]) for number in range(components))
    return segment(kind, struct.pack(">BHHB", precision, height, width, components) + parts)


def scan(*, components=1, first=0, last=63, high=0, low=0):
    """A JPEG scan header, after which coded data would follow; `high` and `low` say which bit it refines."""
    parts = sum(((n + 1, 0) for n in range(components)), ())
    return segment(0xDA, bytes([components, *parts, first, last, high << 4 | low]))


# All a decoder asks for before a scan; each code has one word, which stands for zero or for the end of a block.
JPEG_TABLES = (
    segment(0xDB, b"\0" + b"\1" * 64)
    + segment(0xC4, b"\0\1" + bytes(15) + b"\0")
    + segment(0xC4, b"\x10\1" + bytes(15) + b"\0")
)


def jpeg(*segments):
    """A JPEG of these segments."""
    return b"\xff\xd8" + b"".join(segments) + b"\xff\xd9"


def progressive(width, height, scans, *, kind=0xC2):
    """A progressive JPEG of empty scans."""
    bands = scan(first=0, last=0) + scan(first=1) * (scans - 1)
    return jpeg(JPEG_TABLES, frame(width, height, kind=kind), bands)


def refining(width, height, scans):
    """A progressive JPEG whose scans after the second each look at every coefficient again, for a few bytes."""
    skip_32767 = "0" + "1" * 14  # blocks without a coefficient: the code of EOB14, and its bits
    bits = skip_32767 * -(-(-(-width // 8) * -(-height // 8)) // 32767)
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    skips = segment(0xC4, b"\x10\1" + bytes(15) + b"\xe0")
    bands = scan(first=0, last=0, low=1) + scan(low=1, first=1) + data + (scan(first=1, high=1) + data) * (scans - 2)
    return jpeg(JPEG_TABLES, skips, frame(width, height, kind=0xC2), bands)


def exif_of_one_value(entries, size, *, order=">"):
    """EXIF data of so many bytes whose entries all have one value, an image's description, nearly as long as itself."""
    head = struct.pack(order + "2sHI", b"MM" if order == ">" else b"II", 42, 8)
    entry = struct.pack(order + "HHII", 0x010E, 2, size - 8, 8)
    return (head + struct.pack(order + "H", entries) + entry * entries).ljust(size, b"x")


def webp(*chunks):
    """A WebP of (name, data) chunks."""
    body = b"".join(name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def lossy(width, height, data=b""):
    """The chunk of a lossy WebP key frame."""
    return b"VP8 ", b"\x10\2\0\x9d\x01\x2a" + struct.pack("<HH", width & 0xFFFF, height & 0xFFFF) + data


def lossless(width, height, data=b"\x88\x88\x08" + bytes(5)):
    """The chunk of a lossless WebP; the default data are one black colour."""
    return b"VP8L", b"\x2f" + struct.pack("<I", (width - 1) & 0x3FFF | ((height - 1) & 0x3FFF) << 14) + data


def canvas(width, height, flags=0):
    """The chunk that gives an extended WebP its size."""
    return b"VP8X", bytes([flags, 0, 0, 0]) + _u24(width - 1) + _u24(height - 1)


def animation(width, height, frames, *, frame_width=8, frame_height=8):
    """A WebP of small frames on a canvas."""
    name, data = lossless(frame_width, frame_height)
    inner = name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    part = bytes(6) + _u24(frame_width - 1) + _u24(frame_height - 1) + _u24(10) + b"\0" + inner
    return webp(canvas(width, height, flags=2), (b"ANIM", bytes(6)), *[(b"ANMF", part)] * frames)


def _u24(number):
    return (number & 0xFFFFFF).to_bytes(3, "little")


class _Bits:
    def __init__(self):
        self.text = []  # least significant bit first

    def put(self, value, count):
        self.text.append(f"{value:0{count}b}"[::-1])

    def packed(self):
        bits = "".join(self.text)
        return int(bits[::-1], 2).to_bytes(-(-len(bits) // 8), "little")


def many_code_tables(groups):
    """A lossless WebP of 1024 x 1024 pixels with so many groups (at most 65,536) of Huffman codes (RFC 9649, 5)."""
    side, flat, single = 1024, _Bits(), 0b0001
    flat.put(0, 1)  # no simple code: of twelve lengths of code lengths only the last, that of 8, is there
    flat.put(12 - 4, 4)
    for place in range(12):
        flat.put(place == 11, 3)
    for value, count in ((1, 1), (3, 3), (256 - 2, 8)):  # 256 symbols follow, which take no bits
        flat.put(value, count)
    bits = _Bits()
    for value, count in ((side - 1, 14), (side - 1, 14), (0, 4), (0, 2), (1, 1), (0, 3), (0, 1)):
        bits.put(value, count)
    bits.text += flat.text * 2
    for _ in range(3):
        bits.put(single, 4)
    for number in range((side // 4) ** 2):  # which group each block of 4 x 4 pixels uses
        bits.text.append(f"{number % groups & 0xFF:08b}{number % groups >> 8:08b}")
    for _ in range(groups * 5):
        bits.put(single, 4)
    return webp((b"VP8L", b"\x2f" + bits.packed() + bytes(8)))
