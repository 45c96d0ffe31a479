"""Content that is the same for every client. Clients keep a copy and ask with its ETag whether it is still current."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from flask import Response, request


@dataclass(frozen=True)
class Asset:
    """Content that only an update of the service changes."""

    content: bytes
    mimetype: str

    @cached_property
    def etag(self) -> str:
        """The ETag of the content, without quotes."""
        return sha256(self.content).hexdigest()[:32]

    def answer(self, **headers: str) -> Response:
        """Return the content, or 304 if `If-None-Match` of the current request names its ETag."""
        if request.if_none_match.contains_weak(self.etag):
            response = Response(status=304, headers=headers)
            del response.headers["Content-Type"]
        else:
            response = Response(self.content, mimetype=self.mimetype, headers=headers)
        response.headers["Cache-Control"] = "no-cache"
        response.set_etag(self.etag)
        return response
