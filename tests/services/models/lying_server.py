"""A server on loopback that has weight files, and lies, drops and changes its mind as its paths say."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class LyingServer(http.server.ThreadingHTTPServer):
    """Answers from `files` (path to body). What it was asked is in `asked`, as (path, Range or None).

    `drops` maps a path to after how many bytes of each answer the connection breaks; `tags` to the ETag, "" for none;
    `lies` to a function of the handler and the body that answers in its own way.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.drops, self.tags, self.lies, self.asked = {}, {}, {}, {}, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, body = self.server, self.server.files.get(self.path)
        wanted = self.headers["Range"]
        server.asked.append((self.path, wanted))
        if self.path in server.lies:
            server.lies[self.path](self, body)
        elif body is None:
            self.send_error(404)
        else:
            tag = server.tags.get(self.path, '"1"')
            start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
            if wanted and self.headers["If-Range"] != tag:
                start = 0
            if start >= len(body) > 0:
                self.send_error(416)
                return
            self.answer(body, start, tag)

    def answer(self, body, start=0, tag='"1"', content_range=None):
        """Send what is after `start`, as much as the path's `drops` let through."""
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", content_range or f"bytes {start}-{len(body) - 1}/{len(body)}")
        if tag:
            self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        most = self.server.drops.get(self.path)
        self.wfile.write(body[start:] if most is None else body[start : start + most])

    def log_message(self, *_):
        pass


@contextmanager
def lying_server() -> Iterator[LyingServer]:
    """A running one."""
    with LyingServer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
