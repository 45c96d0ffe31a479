"""Images of many faces: what they cost the processor and the memory, and how many of their faces are read."""

import itertools
import time
import tracemalloc
from base64 import b64encode
from contextlib import suppress

import numpy as np

from core.exceptions import DeadlineExceeded
from core.timeouts import deadline
from services.deepface import suppression
from services.deepface.detection import in_batches
from tests.pictures import Block, encoded, picture
from tests.security import pairwise

BOXES = "crowds: boxes that a detector found, processor time"
FACES = "crowds: images of more than MAX_FACES faces, every endpoint that reads them"
BYTES = "crowds: crops to embed, memory"
LATE = "crowds: crops to embed after the client has gone"

# In one call of numpy, a box of a thousand takes 0.03 ms; in a loop over the others 5 ms.
MAX_S_A_BOX = 0.001
MAX_FACES, CROWD = 3, 8

RULES = {
    "ours": (suppression.distinct, pairwise.distinct),
    "DeepFace's": (
        lambda boxes, scores: suppression.without_overlaps(boxes, scores, 0.4),
        lambda boxes, scores: pairwise.without_overlaps(boxes, scores, 0.4),
    ),
}


def crowds(count):
    """(description, boxes) of crowds, each box as x, y, width and height."""
    side = int(count**0.5)
    across, down = np.divmod(np.arange(side * side), side)
    square = np.column_stack([across * 40, down * 40, np.full(side * side, 20), np.full(side * side, 20)])
    row = np.column_stack([np.arange(count) * 40, np.zeros(count), np.full(count, 20), np.full(count, 20)])
    grown = np.geomspace(1, 1e6, count)
    nested = np.column_stack([np.zeros((count, 2)), grown, grown[::-1]])
    yield from (("a square", square), ("a row", row), ("of every shape", nested))


def box_breaches(which, count):
    found = []
    for (rule, ways), (layout, crowd) in itertools.product(RULES.items(), crowds(count)):
        boxes = crowd.astype(float)
        if rule != "ours":
            boxes[:, 2:] += boxes[:, :2]
        started = time.process_time()
        ways[which](boxes, np.linspace(1, 0.5, len(boxes)))
        took = (time.process_time() - started) / len(boxes)
        found += [f"{rule}, {layout}: {took * 1000:.1f} ms a box"] if took > MAX_S_A_BOX else []
    return found


def test_boxes(attack):
    attack(BOXES, 6, box_breaches(0, 3000))


def test_boxes_twin(attack):
    attack(BOXES, 6, box_breaches(1, 900), twin=True)


COLOURS = [(32 * place, 64, 224) for place in range(CROWD)]
IMAGE = b64encode(
    encoded(
        picture(*(Block(colour, x=10 + 60 * place, w=50 - place) for place, colour in enumerate(COLOURS)), width=500)
    )
).decode()
ASKED = {
    "analyze": {"actions": ["age"]},
    "represent": {},
    "extract": {},
    "quality": {},
    "find": {"refresh": "wait"},
    "identify": {},
    "recognize": {},
}
OPTIONS = ({}, {"max_faces": CROWD}, {"anti_spoofing": True})


def face_breaches(client, engine):
    found = []
    for (route, body), options in itertools.product(ASKED.items(), OPTIONS):
        before = engine.embedded
        answer = client.post(f"/{route}", json={"img": IMAGE} | body | options)
        assert answer.status_code == 200, answer.json
        listed = len(answer.json["result"])
        if listed > MAX_FACES or engine.embedded - before > MAX_FACES:
            found.append(f"{route}: {listed} faces")
        elif listed != MAX_FACES or answer.json.get("faces_truncated") is not True:
            found.append(f"{route}: does not say that faces are missing")
    return found


def test_faces(make_app, engine, photos, attack):
    client = make_app(max_faces=MAX_FACES).test_client()
    attack(FACES, len(ASKED) * len(OPTIONS), face_breaches(client, engine))


def test_faces_twin(make_app, engine, photos, attack):
    client = make_app(max_faces=1000).test_client()
    attack(FACES, len(ASKED) * len(OPTIONS), face_breaches(client, engine), twin=True)


CROPS = [np.full((150, 150, 3), 100, np.uint8)] * 400
LARGE_CROPS = [np.full((1000, 1000, 3), 100, np.uint8)] * 40
MAX_FLOAT_BYTES = 8 * 2**22  # of the largest batch, in which a number takes eight bytes


def byte_breaches(batches):
    found = []
    for name, crops in (("small", CROPS), ("large", LARGE_CROPS), ("one", LARGE_CROPS[:1])):
        tracemalloc.start()
        try:
            for batch in batches(crops, 8):
                del [crop / 255 for crop in batch][:]
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        found += [f"{name} crops: {peak} bytes"] if peak > MAX_FLOAT_BYTES else []
    return found


def test_bytes(attack):
    attack(BYTES, 3, byte_breaches(in_batches))


def test_bytes_twin(attack):
    attack(BYTES, 3, byte_breaches(lambda crops, _: [crops]), twin=True)


def late_breaches(batches):
    found = []
    for looks in range(3):
        answers = iter([False] * looks + [True] * len(CROPS))
        read = 0
        with suppress(DeadlineExceeded), deadline(60, is_abandoned=lambda answers=answers: next(answers)):
            for batch in batches(CROPS, 8):
                read += len(batch)
        found += [f"{read} crops"] if read > 8 * looks else []
    return found


def test_late(attack):
    attack(LATE, 3, late_breaches(in_batches))


def test_late_twin(attack):
    attack(LATE, 3, late_breaches(lambda crops, _: [crops]), twin=True)
