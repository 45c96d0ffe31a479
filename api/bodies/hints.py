"""Says what to send in place of an unknown field, or of a body without the right Content-Type."""

import re
from codecs import BOM_UTF8
from difflib import get_close_matches

from core.images.header import ACCEPTED, image_format
from schemas.common import RAW_IMAGE_FIELD, Request

HEAD_BYTES = 64  # of a body; they show whether it is JSON or an image

_UNKNOWN = "Extra inputs are not permitted"  # Pydantic's words
_LIKENESS = 0.75  # of two names, by difflib; below it a guess misleads
_MAX_NAME = 40  # characters; neither a field nor a common Content-Type has a longer name

# Words of which other services make the names of their image fields: `image_url`, `img1_path`, `file`.
_IMAGE_WORDS = frozenset({
    "b64", "base", "base64", "data", "encoded", "face", "file", "image", "images", "img", "path", "photo", "photos",
    "pic", "picture", "source", "src", "string", "upload", "uri", "url",
})  # fmt: skip

# Names that are too far from ours for difflib, or nearer to another of ours.
_SHORT_NAMES = {
    "backend": "detector_backend",
    "detector": "detector_backend",
    "distance": "distance_metric",
    "enforce": "enforce_detection",
    "metric": "distance_metric",
    "model": "model_name",
    "person": "person_id",
    "person_name": "name",
    "subject": "name",
    "user_name": "name",
    "username": "name",
}

# Parameters of DeepFace 0.0.103 that no endpoint has, and those that only some endpoints have.
_OF_DEEPFACE = {
    "silent": "The service prints no progress. Leave it out",
    "grayscale": "Send color_face with the value gray to /extract, or leave it out",
    "normalize_face": "Crops are PNG images with values from 0 to 255. Leave it out",
    "l2_normalize": "Embeddings are returned as the model makes them. Leave it out",
    "minmax_normalize": "Embeddings are returned as the model makes them. Leave it out",
    "return_face": "Send the image to /extract for its crops. Leave it out",
    "target_size": "The model determines the size of its input. Leave it out",
    "db_path": "The setting FACES_DB_PATH is the photo folder. Leave it out",
    "refresh_database": "Send refresh with the value auto or wait to /find, or leave it out",
    "datastore_format": "The service keeps its own index. Leave it out",
    "return_type": "The response is always JSON. Leave it out",
    "batched": "The response is always a list for each face. Leave it out",
    "model_name": "This endpoint uses no recognition model. Leave it out",
    "distance_metric": "This endpoint compares no faces. Leave it out",
    "threshold": "This endpoint takes no threshold. Leave it out",
    "normalization": "This endpoint computes no embedding. Leave it out",
    "actions": "Send the image to /analyze for attributes. Leave it out",
}


def unknown_field(name: str, model: type[Request]) -> str:
    """Return the message about a field that the request `model` does not have."""
    if name in model.names():
        return f"{_UNKNOWN}. The field is also given by its other name"
    if name in _OF_DEEPFACE:
        return f"{_UNKNOWN}. {_OF_DEEPFACE[name]}"
    meant = _meant(name.lower().replace("-", "_"), model.names()) if len(name) <= _MAX_NAME else ""
    return f"{_UNKNOWN}. Did you mean {meant}?" if meant else _UNKNOWN


def _meant(name: str, names: frozenset[str]) -> str:
    words = set(re.findall(r"[a-z]+", name))
    if words and words <= _IMAGE_WORDS:
        images = [image for image in (RAW_IMAGE_FIELD, "img1", "img2") if image in names]
        numbered = [image for image in images if image[-1] in re.findall(r"\d", name.replace("64", ""))]
        return " or ".join(numbered or images)
    if _SHORT_NAMES.get(name) in names:
        return _SHORT_NAMES[name]
    return next(iter(get_close_matches(name, sorted(names), 1, _LIKENESS)), "")


def content_type(kind: str, head: bytes, model: type[Request]) -> str | None:
    """Return the message about the Content-Type `kind` of a body that begins with `head`.

    None if the body may be what `kind` says, or anything.
    """
    begins = head.removeprefix(BOM_UTF8).lstrip()
    given = f"The Content-Type is {kind[:_MAX_NAME]}" if kind else "The request has no Content-Type"
    if begins.startswith((b"{", b"[")):
        return f"{given}, but the body looks like JSON. Send the header Content-Type: application/json."
    name = image_format(head)
    if kind.startswith("image/") or name in ACCEPTED:
        return _image_as_body(f"{given}, but the body looks like a {name} image.", name, model)
    if kind:
        return None
    return f"{given}. Send the header that says what the body is: application/json, a form or image/*."


def _image_as_body(given: str, name: str | None, model: type[Request]) -> str:
    if model.takes_raw_image():
        return f"{given} Send the header Content-Type: image/{(name or '*').lower()}."
    instead = "Send each image as a file of a multipart form." if model.image_fields() else "Send JSON or a form."
    return f"This endpoint takes no image as its body. {instead}"
