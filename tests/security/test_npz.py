"""Random damage to the index that DeepFace left among the photos."""

import random
import struct
import zlib
from collections import Counter

import numpy as np
import pytest

from core.files import FoundFile, list_files
from services.deepface.interface import EmbeddingSpace
from services.find.deepface_import import npz
from services.find.deepface_import.index_rows import RecordedFace, match_rows
from services.find.index import IndexKey
from tests.deepface_files import COLUMNS, DIMENSION, NPZ, rows, write_npz
from tests.pictures import ALICE, write_photo

SPACE = EmbeddingSpace(model="Dlib", alignment="eyes", detection="deepface", normalization="base", expand_percentage=0)
EXTREMES = [b"\0\0\0\0", b"\1\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\0\0\xf0\x7f"]
HEADER = struct.Struct("<4s2xHH4xLLLHH")


@pytest.fixture
def key(photos):
    for name in ("alice/1.png", "alice/2.png", "bob.png"):
        write_photo(photos / name, ALICE)
    write_npz(photos / NPZ, rows(photos))
    return IndexKey(folder=str(photos), detector="opencv", space=SPACE, weights="")


@pytest.fixture
def wanted(key):
    found: list[FoundFile] = [file for file in list_files(key.folder) if file.name.endswith(".png")]
    return {file.name: file.signature for file in found}


def damaged(chance, content):
    """The archive with random damage; in half of the cases its checksums are right again."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(content))
        if chance.random() < 0.5:  # where the structure is, rather than the numbers
            at = content.find(chance.choice((b"PK", b"NUMPY", b"descr", b"shape", b".npy")), at) % len(content)
            at = min(at + chance.randrange(80), len(content) - 1)
        kind = chance.randrange(4)
        if kind == 0:
            content = content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]
        elif kind == 1:
            extreme = chance.choice(EXTREMES)
            content = content[:at] + extreme + content[at + len(extreme) :]
        elif kind == 2:
            piece = content[at : at + chance.randint(1, 300)]
            to = chance.randrange(len(content))
            content = content[:to] + piece + content[to + chance.choice((0, len(piece))) :]
        else:
            content = content[: max(1, at)]
    return (with_right_checksums(content), True) if chance.random() < 0.5 else (content, False)


def with_right_checksums(content):
    """The archive whose members are believed, as far as they can be followed."""
    result, at = bytearray(content), 0
    while content[at : at + 4] == b"PK\3\4" and at + HEADER.size + 20 <= len(content):
        _, _, _, _, _, length, name_length, rest_length = HEADER.unpack_from(content, at)
        begins = at + HEADER.size + name_length + rest_length
        if length == 0xFFFFFFFF and rest_length == 20 and begins <= len(content):
            (length,) = struct.unpack_from("<4xQ", content, begins - 20)
        struct.pack_into("<L", result, at + 14, zlib.crc32(content[begins : begins + length]))
        at = begins + length
    return bytes(result)


def breaches(take, wanted, honest, believed):
    """What `take` raised, or took over, that it must not."""
    try:
        taken = take()
    except Exception as error:
        return [f"raised {error!r}"]
    found = []
    for name, faces in taken.items():
        count = len(faces.boxes)
        sound = (
            faces.signature == wanted[name]
            and (faces.boxes.shape, faces.boxes.dtype) == ((count, 4), np.int32)
            and (faces.embeddings.shape, faces.embeddings.dtype) == ((count, DIMENSION), np.float32)
            and np.isfinite(faces.embeddings).all()
            and faces.boxes.min() >= 0
            and faces.boxes.max() <= 1_000_000
        )
        same = np.array_equal(faces.embeddings, honest[name].embeddings) and np.array_equal(
            faces.boxes, honest[name].boxes
        )
        found += [f"{name} is not as recorded"] if not sound or not (same or believed) else []
    return found


def test_damaged_indexes(key, wanted, photos, attack, cases):
    content = (photos / NPZ).read_bytes()
    honest = npz.import_npz(key, wanted)
    assert honest.keys() == wanted.keys()
    found, outcomes = [], Counter()

    def take():
        taken = npz.import_npz(key, wanted)
        outcomes[len(taken)] += 1
        return taken

    for number in range(cases(2000, 20_000)):
        damage, believed = damaged(random.Random(number), content)
        (photos / NPZ).write_bytes(damage)
        found += breaches(take, wanted, honest, believed)
    assert outcomes.keys() >= {0, len(wanted)}
    attack("indexes of DeepFace: damaged", cases(2000, 20_000), found)


def trusting(file):
    """The rows as numpy reads them."""
    with np.load(file, allow_pickle=True) as archive:
        columns = [archive[name].tolist() for name in (*COLUMNS, "embedding")]
    for identity, recorded, x, y, w, h, embedding in zip(*columns, strict=False):
        values = np.array(embedding, np.float32)
        yield RecordedFace(identity=identity, hash=recorded, box=(x, y, w, h), embedding=values)


def test_damaged_indexes_twin(key, wanted, photos, attack):
    content = (photos / NPZ).read_bytes()
    honest = npz.import_npz(key, wanted)
    found = []
    for number in range(100):
        damage, believed = damaged(random.Random(number), content)
        (photos / NPZ).write_bytes(damage)
        with (photos / NPZ).open("rb") as file:
            found += breaches(lambda file=file: match_rows(key, wanted, trusting(file)), wanted, honest, believed)
    attack("indexes of DeepFace: damaged", 100, found, twin=True)
