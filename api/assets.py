"""Content that is the same for every client. Clients keep a copy and ask with its ETag whether it is still current."""

import gzip
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from flask import Response, request

_GZIP = "gzip"


@dataclass(frozen=True)
class Asset:
    """Content that only an update of the service changes. A `packed` one is also sent compressed.

    Answers with data are never compressed: their size would tell about what they hold (BREACH, CVE-2013-3587).
    """

    content: bytes
    mimetype: str
    packed: bool = False

    @cached_property
    def etag(self) -> str:
        """The ETag of the content, without quotes."""
        return sha256(self.content).hexdigest()[:32]

    @cached_property
    def gzipped(self) -> bytes:
        """The content compressed, the same in every process."""
        return gzip.compress(self.content, mtime=0)

    def answer(self, **headers: str) -> Response:
        """Return the content, or 304 if `If-None-Match` of the current request names its ETag."""
        is_gzip = self.packed and request.accept_encodings.quality(_GZIP) > 0
        etag = f"{self.etag}-{_GZIP}" if is_gzip else self.etag
        if request.if_none_match.contains_weak(etag):
            response = Response(status=304, headers=headers)
            del response.headers["Content-Type"]
        else:
            response = Response(self.gzipped if is_gzip else self.content, mimetype=self.mimetype, headers=headers)
            if is_gzip:
                response.headers["Content-Encoding"] = _GZIP
        if self.packed:
            response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = "no-cache"
        response.set_etag(etag)
        return response
