"""A stand-in of CompreFace's server, with its documented routes for subjects and faces."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from tests.services.gallery.imports.compreface import KEY


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server, parts = self.server, urlsplit(self.path)
        server.asked.append(self.path)
        if server.redirects_to:
            return self._send(302, b"", Location=server.redirects_to)
        if self.headers["x-api-key"] != KEY:
            return self._answer(401, {"message": "Model not found", "code": 41})
        *_, last = segments = parts.path.removeprefix("/api/v1/recognition/").split("/")
        if segments == ["subjects"]:
            return self._answer(200, {"subjects": server.subjects})
        if segments == ["faces"]:
            return self._answer(200, self._page(**{name: int(one[0]) for name, one in parse_qs(parts.query).items()}))
        if segments[0] == "faces" and last == "img":
            return self._send(200, server.images.get(segments[1], b""))
        return self._answer(404, {"message": "", "code": 0})

    def _page(self, page=0, size=20):
        size = min(size, self.server.most)
        faces = self.server.faces
        return {
            "faces": faces[page * size : (page + 1) * size],
            "page_number": page, "page_size": size,
            "total_pages": -(-len(faces) // size), "total_elements": len(faces),
        }  # fmt: skip

    def _answer(self, status, body):
        self._send(status, json.dumps(body).encode())

    def _send(self, status, content, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextmanager
def serving(people, *, most=2):
    """A server with these people, each with images; it gives `most` faces a page. `None` is a face without an image."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.subjects, server.faces, server.images, server.asked = list(people), [], {}, []
    server.most, server.redirects_to = most, None
    for name, images in people.items():
        for image in images:
            number = str(uuid4())
            server.faces.append({"image_id": number, "subject": name})
            if image is not None:
                server.images[number] = image
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
