"""A camera of the operator's own, which wants a password, by the URLs of all kinds of requests."""

import base64
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.conftest import assert_error
from tests.pictures import ALICE, photo

USER, PASSWORD = "guard", "s3cret-word"
WANTED = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class Camera(BaseHTTPRequestHandler):
    def do_GET(self):
        right = self.headers["Authorization"] == WANTED
        self.send_response(200 if right else 401)
        self.end_headers()
        if right:
            self.wfile.write(photo(ALICE))

    def log_message(self, *_):
        pass


@pytest.fixture
def camera():
    """The host and port of a camera on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Camera) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_its_pictures_are_read_by_every_kind_of_request(make_app, camera):
    client = make_app(url_private_hosts=(camera,)).test_client()
    url = f"http://{USER}:{PASSWORD}@{camera}/snapshot.png"
    assert client.post("/extract", json={"img": url}).get_json()["faces_found"] == 1
    assert client.post("/extract", data={"img": url}).get_json()["faces_found"] == 1
    assert client.post("/verify", json={"img1": url, "img2": url}).get_json()["verified"] is True
    assert client.post("/register", json={"img": url, "name": "Alice"}).status_code == 201
    assert client.post("/extract", json={"img": f" \t{url}\r\n"}).get_json()["faces_found"] == 1


def test_a_registration_by_url_is_answered_again_when_the_camera_is_gone(make_app, camera):
    client = make_app(url_private_hosts=(camera, "127.0.0.1:1")).test_client()
    body = {"img": f"http://{USER}:{PASSWORD}@{camera}/snapshot.png", "name": "Alice"}
    first = client.post("/register", json=body, headers={"Idempotency-Key": "1"})
    Camera.do_GET, do_get = lambda self: self.send_error(500), Camera.do_GET
    try:
        again = client.post("/register", json=body, headers={"Idempotency-Key": "1"})
        assert_error(client.post("/register", json=body), 400, "image_decode_error", "img")
    finally:
        Camera.do_GET = do_get
    assert (again.status_code, again.get_json()) == (201, first.get_json())


@pytest.mark.parametrize("entries", [(), ("127.0.0.1",), ("10.0.0.0/8", "cam.lan")])
def test_without_its_entry_and_port_it_is_forbidden(make_app, camera, entries):
    client = make_app(url_private_hosts=entries).test_client()
    for user in ("", f"{USER}:{PASSWORD}@"):
        answer = client.post("/extract", json={"img": f"http://{user}{camera}/snapshot.png"})
        assert_error(answer, 403, "image_source_forbidden", "img")


def test_user_and_password_are_in_no_error_and_no_log_line(make_app, camera, caplog):
    caplog.set_level(logging.DEBUG)
    client = make_app(url_private_hosts=(camera,)).test_client()
    texts = [
        client.post("/extract", json={"img": f"http://{USER}:{PASSWORD}@{where}/snapshot.png", **more}).get_data(True)
        for where in (camera, f"{camera}0", "127.0.0.1:1", "93.184.216.34", "[::1")
        for more in ({}, {"nothing": 1})
    ]
    wrong = f"http://{USER}:{PASSWORD}x@{camera}/snapshot.png"
    texts.append(
        assert_error(client.post("/extract", json={"img": wrong}), 400, "image_decode_error", "img")["message"]
    )
    for text in (*texts, caplog.text, *(str(vars(record)) for record in caplog.records)):
        assert PASSWORD not in text
