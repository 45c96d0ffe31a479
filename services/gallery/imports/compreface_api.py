"""Finds the subjects of CompreFace and their images through its REST API."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import requests
from pydantic import BaseModel, ValidationError

from core.exceptions import CommandError
from core.images.decoding import ImagePolicy
from services.gallery.imports.compreface import NO_IMAGE
from services.gallery.imports.entries import Entry, Unusable

_FACES = "/api/v1/recognition/faces"
_SUBJECTS = "/api/v1/recognition/subjects"
_TIMEOUT_S = (5, 60)  # to connect, and between two parts of an answer
_PAGE_SIZE = 1000
_MAX_PAGES = 10_000
_MAX_PAGE_BYTES = 1 << 26
_CHUNK_BYTES = 1 << 16
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")

_Answer = TypeVar("_Answer", bound=BaseModel)


class UnreadableApi(CommandError):
    """CompreFace's server does not answer, refuses the key, or answers something else."""


class _Face(BaseModel):
    image_id: str
    subject: str


class _Page(BaseModel):
    faces: list[_Face]
    total_pages: int
    total_elements: int


class _Subjects(BaseModel):
    subjects: list[str]


class CompreFaceApi:
    """The server at `url`, asked with the API key of a recognition service."""

    def __init__(self, url: str, api_key: str, policy: ImagePolicy) -> None:
        if not url.startswith(("http://", "https://")):
            raise UnreadableApi("The URL must begin with http:// or https://.")
        self._url = url.rstrip("/")
        self._key = api_key
        self._policy = policy

    def entries(self) -> Iterator[Entry]:
        """Every image of the key's face collection. A subject without any has the problem `no_image`.

        Raises:
            UnreadableApi: the server cannot be used.
        """
        faces = self._faces()
        for face in faces.values():
            yield self._entry(face)
        without = set(self._answer(_Subjects, _SUBJECTS).subjects) - {face.subject for face in faces.values()}
        for subject in sorted(without):
            yield Entry(source=subject, problem=NO_IMAGE)

    def _faces(self) -> dict[str, _Face]:
        """All faces by their IDs."""
        faces: dict[str, _Face] = {}
        for number in range(_MAX_PAGES):
            page = self._answer(_Page, _FACES, page=number, size=_PAGE_SIZE)
            faces |= {face.image_id: face for face in page.faces}
            if number + 1 >= page.total_pages:
                break
        if len(faces) < page.total_elements:  # pages are not sorted, so a change may hide a face
            raise UnreadableApi("The faces changed while they were listed. Run the command again.")
        return faces

    def _entry(self, face: _Face) -> Entry:
        source = f"{face.subject}/{face.image_id}"
        if not _ID.fullmatch(face.image_id):
            return Entry(source=source, problem=NO_IMAGE)
        return Entry(source=source, name=face.subject, read=partial(self._image, face.image_id), version=face.image_id)

    def _image(self, image_id: str) -> bytes:
        with self._asked(f"{_FACES}/{image_id}/img") as response:
            if response.status_code == requests.codes.not_found:
                raise Unusable(NO_IMAGE)
            content = _body(response, self._policy.max_bytes)
        if content is None:
            raise Unusable("image_too_large")
        if not content:
            raise Unusable(NO_IMAGE)
        return content

    def _answer(self, kind: type[_Answer], path: str, **query: int) -> _Answer:
        with self._asked(path, **query) as response:
            content = _body(response, _MAX_PAGE_BYTES)
        try:
            return kind.model_validate_json(content or b"")
        except ValidationError:
            raise UnreadableApi("The server's answers are not CompreFace's.") from None

    @contextmanager
    def _asked(self, path: str, **query: int) -> Iterator[requests.Response]:
        """The answer to a GET. Redirects are not followed: they could lead the key to another host."""
        try:
            with requests.get(
                f"{self._url}{path}",
                params=query,
                headers={"x-api-key": self._key},
                timeout=_TIMEOUT_S,
                stream=True,
                allow_redirects=False,
            ) as response:
                if response.status_code not in (requests.codes.ok, requests.codes.not_found):
                    raise UnreadableApi(
                        f"The server refuses the request or the API key: status {response.status_code}."
                    )
                yield response
        except requests.RequestException:
            raise UnreadableApi("The server does not answer.") from None


def _body(response: requests.Response, most: int) -> bytes | None:
    """The body; None if it has more than `most` bytes."""
    content = bytearray()
    for chunk in response.iter_content(_CHUNK_BYTES):
        content += chunk
        if len(content) > most:
            return None
    return bytes(content)
