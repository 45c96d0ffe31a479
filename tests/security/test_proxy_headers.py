"""Headers by which a client says what only a proxy may: they change no answer."""

import json
import re
import socket
from itertools import product

from tests.discretion import hear
from tests.serving import served, wait_for

NAME = "proxy headers: what only a trusted proxy may say, said by a client over raw sockets"
PATHS = ("/health", "/health/persons", "/persons", "/docs/start.js", "/nothing", "/api/v1/health")
NAMES = ("SCRIPT_NAME", "Script_Name", "script-name", "SCRIPT-NAME", "PATH_INFO", "X-Forwarded-Prefix", "REMOTE_USER")
VALUES = ("/health", "/", "/api/v1", "/docs/../health", "https://evil.net/")
WITH_GUNICORNS_OWN = {"GUNICORN_CMD_ARGS": "--forwarder-headers SCRIPT_NAME,PATH_INFO"}


def answered(address, path, *headers):
    """The status and the body of an answer, without what differs each time."""
    lines = (f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", "")
    with socket.create_connection(address, 10) as connection:
        connection.sendall("\r\n".join(lines).encode())
        received = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    hear("", received)
    head, _, body = received.partition("\r\n\r\n")
    if "application/json" in head:
        body = {name: value for name, value in json.loads(body).items() if name != "request_id"}
    return re.match(r"HTTP/1.1 (\d+)", head)[1], body


def attacked(folder, **settings):
    breaches = []
    with served(folder, ALLOW_URLS="false", **settings) as (url, _, process):
        wait_for(f"{url}/ready", alive=process)
        host, port = url.removeprefix("http://").split(":")
        for path in PATHS:
            plain = answered((host, int(port)), path)
            for name, value in product(NAMES, VALUES):
                if answered((host, int(port)), path, f"{name}: {value}") != plain:
                    breaches.append(f"{path} with {name}: {value}")
    return len(PATHS) * len(NAMES) * len(VALUES), breaches


def test_a_client_chooses_no_prefix_and_no_path(tmp_path, attack):
    attack(NAME, *attacked(tmp_path))


def test_gunicorns_own_defaults_are_noticed(tmp_path, attack):
    breaches = attacked(tmp_path, **WITH_GUNICORNS_OWN)[1]
    attack(NAME, 0, breaches, twin=True, noticing=["/health with SCRIPT_NAME: /health", "Script_Name: /api/v1"])
