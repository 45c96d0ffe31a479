"""The real server: gunicorn on a socket, real networks, two clients at once, and the signals an operator sends."""

import base64
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import matplotlib
import pytest
import requests
import skimage

from tests.conftest import PROJECT
from tests.serving import served, wait_for

ASTRONAUT = (Path(skimage.__file__).parent / "data" / "astronaut.png").read_bytes()
HOPPER = (Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg").read_bytes()


def text(content):
    return base64.b64encode(content).decode()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    for name, content in (("collins/1.png", ASTRONAUT), ("hopper/1.jpg", HOPPER)):
        (folder / "photos" / name).parent.mkdir(parents=True)
        (folder / "photos" / name).write_bytes(content)
    with served(folder) as (url, log, process):
        wait_for(f"{url}/ready")
        yield url, log, process


def post(server, route, **arguments):
    return requests.post(f"{server[0]}/{route}", timeout=60, **arguments)


def test_verify_over_http(server):
    answer = post(server, "verify", json={"img1": text(ASTRONAUT), "img2": text(ASTRONAUT)}).json()
    assert (answer["verified"], answer["distance"], answer["model"]) == (True, 0.0, "Dlib")
    files = {"img1": ASTRONAUT, "img2": HOPPER}
    assert post(server, "api/v1/verify", files=files).json()["verified"] is False


def test_represent_over_http(server):
    raw = post(server, "represent", data=HOPPER, headers={"Content-Type": "image/jpeg"}).json()
    assert (raw["count"], raw["dim"]) == (1, 128)
    for arguments in ({"files": {"img": HOPPER}}, {"json": {"img": text(HOPPER)}}, {"json": {"img": "hopper/1.jpg"}}):
        assert post(server, "represent", **arguments).json() == raw


def test_extract_over_http(server):
    answer = post(server, "extract", files={"img": ASTRONAUT}, data={"color_face": "gray"}).json()
    assert answer["faces_found"] == 1
    assert base64.b64decode(answer["result"][0]["face_base64"].partition(",")[2])[:4] == b"\x89PNG"


def test_find_over_http(server):
    answer = post(server, "find", files={"img": HOPPER}).json()
    (rows,) = answer["result"]
    assert [(row["person"], row["distance"]) for row in rows] == [("hopper", 0.0)]
    assert answer["pending"] == 0
    (index,) = requests.get(f"{server[0]}/find/indexes", timeout=10).json()["indexes"]
    assert (index["model"], index["state"], index["photos"], index["faces"]) == ("Dlib", "ready", 2, 2)


def test_analyze_over_http_names_the_missing_file_and_the_command_that_fetches_it(server):
    answer = post(server, "analyze", files={"img": HOPPER})
    assert (answer.status_code, answer.json()["error_code"]) == (503, "model_unavailable")
    assert "face-service weights fetch age" in answer.json()["message"]


def test_two_clients_at_once_get_the_serial_answers(server):
    alone = [post(server, "represent", files={"img": content}).json() for content in (ASTRONAUT, HOPPER)]
    answers = [[], []]

    def client(number, content):
        for _ in range(5):
            answers[number].append(post(server, "represent", files={"img": content}).json())

    threads = [threading.Thread(target=client, args=pair) for pair in enumerate((ASTRONAUT, HOPPER))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[alone[0]] * 5, [alone[1]] * 5]


def raw_request(server, head, body=b""):
    host, port = server[0].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n" + body)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, json.loads(response.read())


def test_chunked_bodies_wrong_paths_and_methods_get_the_one_error_body(server):
    chunked = b"POST /verify HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked"
    for (status, body), code in (
        (raw_request(server, chunked, b"2\r\n{}\r\n0\r\n\r\n"), "length_required"),
        (raw_request(server, b"GET /verify/.. HTTP/1.1"), "not_found"),
        (raw_request(server, b"BREW /verify HTTP/1.1"), "method_not_allowed"),
        (raw_request(server, b"POST /verify HTTP/1.1\r\nContent-Length: 0"), "validation_error"),
    ):
        assert body["error_code"] == code, (status, body)


def test_every_line_of_the_log_is_one_json_object_without_a_picture(server):
    lines = [json.loads(line) for line in server[1].read_text().splitlines()]
    assert {"request", "preload"} <= {line["message"] for line in lines}
    assert not re.search(r"[A-Za-z0-9+/]{100}", server[1].read_text())


def test_a_terminated_server_ends_with_zero(tmp_path):
    with served(tmp_path) as (url, _, process):
        wait_for(f"{url}/health")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_after_kill_the_next_start_answers_and_keeps_the_index(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(HOPPER)
    for _ in range(2):
        with served(tmp_path) as (url, log, process):
            wait_for(f"{url}/ready")
            assert len(requests.post(f"{url}/find", files={"img": HOPPER}, timeout=60).json()["result"][0]) == 1
            worker = re.search(r"Booting worker with pid: (\d+)", log.read_text())
            os.kill(int(worker[1]), signal.SIGKILL)
            process.kill()
    assert "folder index updated" not in log.read_text()


def test_an_index_built_ahead_is_what_the_server_answers_from(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(HOPPER)
    with served(tmp_path) as (url, log, _):
        environment = {"FACES_DB_PATH": "photos", "DATA_PATH": "data", "DEEPFACE_HOME": "home", "DEFAULT_MODEL": "Dlib"}
        command = [sys.executable, "-m", "api.cli", "index", "build"]
        result = subprocess.run(
            command, cwd=tmp_path, env=os.environ | environment | {"PYTHONPATH": str(PROJECT)},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert (result.returncode, result.stdout.splitlines()[-1]) == (0, "1 photos, 1 faces; 0 pending"), result.stderr
        wait_for(f"{url}/ready")
        assert len(requests.post(f"{url}/find", files={"img": HOPPER}, timeout=60).json()["result"][0]) == 1
    assert "folder index updated" not in log.read_text()


def test_a_read_only_home_and_missing_weights_leave_a_server_that_says_so(tmp_path):
    with served(tmp_path, DEFAULT_MODEL="VGG-Face") as (url, _, _):
        wait_for(f"{url}/health")
        answer = wait_for(f"{url}/ready", status=503)
        while answer.json()["error_code"] == "model_loading":
            answer = wait_for(f"{url}/ready", status=503)
        assert answer.json()["error_code"] == "model_unavailable"
        assert "vgg_face_weights.onnx" in answer.json()["message"]
        assert requests.post(f"{url}/extract", files={"img": HOPPER}, timeout=60).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"PORT": "x"}, "PORT"), ({"LICENSE_POLICY": "commercial", "PRELOAD_MODELS": "age"}, "PRELOAD")],
)
def test_a_wrong_setting_stops_the_start_with_one_line(tmp_path, wrong, named):
    with served(tmp_path, **wrong) as (_, log, process):
        assert process.wait(30) == 1
        assert log.read_text().startswith(f"The service cannot start. {named}")
        assert len(log.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"short", "face_detection_yunet_2023mar.onnx: expected 232589 bytes, found 5"),
        (bytes(232_589), "face_detection_yunet_2023mar.onnx: expected SHA-256 8f2383e4dd3cf"),
    ],
    ids=["short", "wrong"],
)
def test_a_wrong_weight_file_stops_the_start_with_one_line(tmp_path, content, said):
    file = tmp_path / "home" / ".deepface" / "weights" / "face_detection_yunet_2023mar.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    with served(tmp_path) as (_, log, process):
        assert process.wait(30) == 1
        (line,) = log.read_text().splitlines()
    assert line.startswith(f"The service cannot start. {said}")
    assert line.endswith("face-service weights fetch yunet")


def test_a_file_that_changed_since_the_first_start_stops_the_next(tmp_path):
    file = tmp_path / "home" / ".deepface" / "weights" / "arcface_weights.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"nobody publishes what it should be")
    with served(tmp_path, PRELOAD_MODELS="skip") as (url, _, process):
        wait_for(f"{url}/health", alive=process)
    file.write_bytes(b"nobody publishes what it should Be")
    with served(tmp_path, PRELOAD_MODELS="skip") as (_, log, process):
        assert process.wait(30) == 1
        assert "arcface_weights.onnx: expected SHA-256" in log.read_text()


def test_a_client_that_went_away_is_not_worked_for(tmp_path):
    with served(tmp_path, INFERENCE_LANES="1") as (url, log, _):
        wait_for(f"{url}/ready")
        host, port = url.removeprefix("http://").split(":")
        head = b"POST /extract HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n"
        for _ in range(12):
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(head % len(ASTRONAUT) + ASTRONAUT)
        deadline = time.monotonic() + 60
        while (text := log.read_text()).count('"route": "/extract"') < 12:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    statuses = [json.loads(line)["status"] for line in text.splitlines() if '"route": "/extract"' in line]
    assert statuses.count(503) >= 6, statuses


def test_several_workers_serve_together(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(HOPPER)
    with served(tmp_path, WORKERS="2") as (url, log, process):
        wait_for(f"{url}/ready")
        answers = []

        def client():
            for _ in range(6):
                answer = requests.post(f"{url}/find", files={"img": HOPPER}, timeout=60)
                while answer.status_code == 503:  # the other worker may still load
                    time.sleep(0.2)
                    answer = requests.post(f"{url}/find", files={"img": HOPPER}, timeout=60)
                answers.append(answer.json()["result"][0][0]["distance"])

        threads = [threading.Thread(target=client) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [0.0] * 24
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert len(re.findall("Booting worker", log.read_text())) == 2


def test_sigterm_finishes_what_is_in_flight(tmp_path):
    with served(tmp_path, INFERENCE_LANES="1") as (url, _, process), contextlib.ExitStack() as stack:
        wait_for(f"{url}/ready")
        host, port = url.removeprefix("http://").split(":")
        head = b"POST /extract HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n"
        connections = [stack.enter_context(socket.create_connection((host, int(port)), 60)) for _ in range(6)]
        for connection in connections:
            connection.sendall(head % len(ASTRONAUT) + ASTRONAUT)
        wait_for(f"{url}/health")  # connections are accepted in order: those before this one have been
        process.send_signal(signal.SIGTERM)
        statuses = []
        for connection in connections:
            with contextlib.closing(http.client.HTTPResponse(connection)) as response:
                response.begin()
                statuses.append(response.status)
        assert process.wait(60) == 0
        assert statuses == [200] * 6


@pytest.mark.parametrize(
    ("host", "answering"),
    [("::", ("127.0.0.1", "[::1]")), ("::1", ("[::1]",)), ("[::1]", ("[::1]",)), ("127.0.0.2", ("127.0.0.2",))],
)
def test_the_address_that_is_bound_is_the_one_that_is_checked(tmp_path, host, answering):
    (check,) = re.findall(r"^  CMD (\[.*\])", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    with served(tmp_path, HOST=host, SCRIPT_NAME="/face-api") as (url, log, process):
        port = url.rpartition(":")[2]
        for address in answering:
            wait_for(f"http://{address}:{port}/health", alive=process)
            assert requests.get(f"http://{address}:{port}/face-api/persons", timeout=10).status_code == 200
        command = [sys.executable, *json.loads(check)[1:]]
        environment = {"HOST": host, "PORT": port, "http_proxy": "http://127.0.0.1:1"}
        assert subprocess.run(command, env=environment, check=False).returncode == 0
        other = environment | {"HOST": "127.0.0.3"}
        if host != "::":
            result = subprocess.run(command, env=other, check=False, capture_output=True)
            assert result.returncode
        assert "does not start with SCRIPT_NAME" not in log.read_text()


def test_the_start_warns_of_what_is_probably_wrong(tmp_path):
    wrong = {
        "FACE_DB_PATH": "x",
        "FACES_DB_PATH": "nothing",
        "DATABASE_URL": "postgresql://me:s3cret@127.0.0.1:1/faces",
        "LOG_LEVEL": "info",
    }
    with served(tmp_path, **wrong) as (url, log, process):
        wait_for(f"{url}/health", alive=process)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
    warned = "\n".join(line["message"] for line in lines if line["level"] == "WARNING")
    for said in ("Did you mean FACES_DB_PATH?", "The folder FACES_DB_PATH does not exist.", "127.0.0.1: ", "refused"):
        assert said in warned
    assert "s3cret" not in log.read_text()
