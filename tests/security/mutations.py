"""Image files of many formats, and random damage to them."""

import io
import random
import struct
import zipfile
import zlib

import cv2
import numpy as np
from PIL import Image

from tests.containers import chunk, segment

WIDTH, HEIGHT = 96, 64
ACCEPTED_SHARE = 0.8  # of the files that begin as a format the service takes; others are refused by their first bytes

EXTREMES = [b"\0\0\0\0", b"\0\0\0\1", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f"]


def seeds():
    """Whole files: those of accepted formats, and the others."""
    noise = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    image = Image.fromarray(cv2.GaussianBlur(noise, (0, 0), 2))
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x010E: "a description", 0x829A: (1, 50)})
    frames = [image, image.rotate(180)]
    accepted = [
        _saved(image, "JPEG", exif=exif, icc_profile=bytes(500)),
        _saved(image, "JPEG", progressive=True, subsampling=0),
        _saved(image.convert("L"), "JPEG", restart_marker_blocks=2),
        _saved(image.convert("CMYK"), "JPEG"),
        _saved(image, "PNG", exif=exif, icc_profile=bytes(500)),
        _saved(image.convert("P"), "PNG", transparency=3),
        _saved(image, "PNG", save_all=True, append_images=frames),
        cv2.imencode(".png", noise.astype(np.uint16) * 257)[1].tobytes(),
        _saved(image, "WEBP", exif=exif, icc_profile=bytes(500)),
        _saved(image, "WEBP", lossless=True),
        _saved(image.convert("RGBA"), "WEBP", quality=50),
        _saved(image, "WEBP", save_all=True, append_images=frames),
    ]
    others = [_saved(image, kind) for kind in ("GIF", "BMP", "TIFF", "JPEG2000", "PPM", "ICO", "PDF", "AVIF")]
    others += [
        cv2.imencode(".hdr", noise.astype(np.float32))[1].tobytes(),
        b"\x76\x2f\x31\x01\2\0\0\0channels\0chlist\0\x12\0\0\0" + bytes(200),
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200),
        b"\xff\x0a\xfa\x7f\x01\x90" + bytes(200),
        b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, HEIGHT, WIDTH, 8, 3) + bytes(200),
        b'<svg xmlns="http://www.w3.org/2000/svg" width="96" height="64"><image href="file:///etc/passwd"/></svg>',
    ]
    return accepted, others


def _saved(image, kind, **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def mutated(seed, files):
    """One file with random damage; the same for the same `seed` and `files` of `seeds`."""
    chance = random.Random(seed)
    accepted, others = files
    content = chance.choice(accepted if chance.random() < ACCEPTED_SHARE else others)
    for _ in range(chance.randint(1, 3)):
        content = chance.choice(MUTATIONS)(chance, content, accepted + others)
    return _with_right_checksums(content) if chance.random() < 0.5 else content


def _with_right_checksums(content):
    """A PNG whose chunks are believed; anything else as it is."""
    if not content.startswith(b"\x89PNG"):
        return content
    result, at = content[:8], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        body = content[at + 4 : at + 8 + length]
        result += content[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += length + 12
    return result


def _slice(chance, content, most=200):
    start = chance.randrange(len(content) + 1)
    return start, min(len(content), start + chance.randint(0, most))


def flip_bits(chance, content, _):
    damaged = bytearray(content)
    for _ in range(min(len(damaged), chance.choice((1, 2, 8, 64)))):
        # Half of them among the headers, which are a small part of the file.
        damaged[chance.randrange(min(len(damaged), chance.choice((64, len(damaged)))))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def truncate(chance, content, _):
    return content[: chance.randrange(len(content) + 1)]


def splice(chance, content, files):
    other = chance.choice(files)
    return content[: chance.randrange(len(content) + 1)] + other[chance.randrange(len(other)) :]


def erase(chance, content, _):
    start, end = _slice(chance, content)
    return content[:start] + content[end:]


def blank(chance, content, _):
    start, end = _slice(chance, content)
    return content[:start] + bytes([chance.choice((0, 255))]) * (end - start) + content[end:]


def repeat(chance, content, _):
    start, end = _slice(chance, content)
    return content[:start] + content[start:end] * chance.choice((2, 10, 100)) + content[end:]


def insert_noise(chance, content, _):
    start, _ = _slice(chance, content)
    return content[:start] + chance.randbytes(chance.randint(1, 100)) + content[start:]


def set_extreme(chance, content, _):
    """An extreme number somewhere, most likely in a header."""
    start = chance.randrange(min(len(content), chance.choice((64, 400))) + 1)
    value = chance.choice(EXTREMES)[: chance.choice((2, 3, 4))]
    return content[:start] + value + content[start + len(value) :]


def polyglot(chance, content, files):
    """The file behind, before or inside something of another kind."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("evil.py", "print('evil')")
    script = b"<script>alert(1)</script><?php system('id') ?>\n#!/bin/sh\n"
    other = chance.choice([archive.getvalue(), script, chance.choice(files), b"%PDF-1.7\n"])
    return chance.choice([content + other, other + content, _with_metadata(content, other)])


def add_part(chance, content, _):
    """A chunk or segment of random kind and data right behind the header."""
    if content.startswith(b"\x89PNG"):
        kind = chance.choice([b"iCCP", b"zTXt", b"iTXt", b"eXIf", b"tRNS", b"PLTE", b"acTL", b"fcTL", b"IDAT", b"IHDR"])
        return content[:33] + chunk(kind, chance.randbytes(chance.randrange(60))) + content[33:]
    if content.startswith(b"\xff\xd8"):
        return content[:2] + segment(chance.randrange(256), chance.randbytes(chance.randrange(60))) + content[2:]
    kind = chance.choice([b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"EXIF", b"ICCP"])
    data = chance.randbytes(2 * chance.randrange(30))
    return content[:12] + kind + struct.pack("<I", len(data)) + data + content[12:]


def _with_metadata(content, data):
    data = data[:60_000]
    if content.startswith(b"\x89PNG"):
        return content[:33] + chunk(b"tEXt", b"k\0" + data) + content[33:]
    if content.startswith(b"\xff\xd8"):
        return content[:2] + segment(0xFE, data) + content[2:]
    return content + b"JUNK" + struct.pack("<I", len(data)) + data


def damage_exif(chance, content, _):
    """Extreme numbers in the EXIF block, where there is one."""
    start = max(content.find(b"II*\0"), content.find(b"MM\0*"))
    if start < 0:
        return content
    at = start + chance.randrange(4, 60)
    return content[:at] + chance.choice(EXTREMES)[: chance.choice((1, 2, 4))] + content[at:]


MUTATIONS = [
    flip_bits,
    flip_bits,
    truncate,
    splice,
    erase,
    blank,
    repeat,
    insert_noise,
    set_extreme,
    polyglot,
    add_part,
    damage_exif,
]
