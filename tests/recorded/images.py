"""Pictures by short names, so that requests stay readable.

`alice` is a PNG with her face, `alice+bob.jpg` a JPEG with two; `bob>26` has the face at x = 26, and `nobody` none.
"""

from tests.pictures import ALICE, ALICIA, BOB, MASK, Block, encoded, picture

_COLOURS = {
    "alice": ALICE,
    "alicia": ALICIA,
    "bob": BOB,
    "mask": MASK,
    "print": (32, 64, 32),  # Alice as a print would show her: too little red for a live face
    "unsure": (32, 64, 96),  # live, but less than is asked for
    "dark": (0, 0, 64),
}


def image(name: str) -> bytes:
    """The file of a picture, or one of those that are none."""
    if name in _ODD:
        return _ODD[name]
    stem, dot, suffix = name.partition(".")
    return encoded(picture(*_blocks(stem)), dot + suffix or ".png")


def _blocks(stem: str) -> list[Block]:
    """The faces of a picture, from left to right unless they say where."""
    parts = [] if stem == "nobody" else stem.split("+")
    blocks = []
    for place, part in enumerate(parts):
        colour, _, x = part.partition(">")
        blocks.append(Block(_COLOURS[colour], x=int(x or 20 + 60 * place)))
    return blocks


def _grained() -> bytes:
    """Alice with stripes, so little that the colour is the same: a picture that is not blurred."""
    pixels = picture(Block(ALICE))
    pixels[30:70:8, 20:60] += 6
    return encoded(pixels)


_ODD = {
    "text": b"no picture at all",
    "gif": b"GIF89a" + bytes(40),
    "broken": encoded(picture(Block(ALICE)))[:60],
    "narrow": encoded(picture(width=400, height=9)),
    "grained": _grained(),
    "tiny": encoded(picture(Block(ALICE, w=20, h=20))),
    "two sizes": encoded(picture(Block(ALICE, w=30), Block(ALICIA, x=80, w=50))),
    "large": encoded(picture(Block(ALICE), width=400, height=300)),
}
