"""The real liveness networks on a live face and on a print of one, alone and as captures of several frames."""

from base64 import b64encode

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from api.context import services_of
from api.factory import create_app
from services.models.catalogue import catalogue
from tests.conftest import assert_error
from tests.models.comparing import post
from tests.models.conftest import needs_shared
from tests.models.labelled import FACES
from tests.pictures import encoded

pytestmark = needs_shared

LIVE, SPOOF = (FACES / "liveness" / f"{name}.jpg" for name in ("live", "spoof"))
DETECTORS = pytest.mark.parametrize("detector", ["opencv", "dlib", "yunet"])


@pytest.fixture
def real_settings(real_settings):
    """As a service without any setting would look for faces, with its threshold."""
    own = {"detection": "bounded", "default_alignment": "auto", "antispoof_threshold": 0.5}
    return real_settings.model_copy(update=own)


def capture(path, count=3):
    """Frames as a camera would take them of somebody who does not keep quite still."""
    picture, rng = cv2.imread(str(path)), np.random.default_rng(0)
    height, width = picture.shape[:2]
    for place in range(count):
        moved = cv2.getRotationMatrix2D((width / 2, height / 2), 0.5 * place, 1)
        moved[:, 2] += 3 * place
        frame = cv2.warpAffine(picture, moved, (width, height), borderMode=cv2.BORDER_REFLECT)
        noisy = np.clip(frame + rng.normal(0, 2, frame.shape), 0, 255).astype(np.uint8)
        yield encoded(noisy, ".jpg")


def texts(contents):
    return [b64encode(content).decode() for content in contents]


def text(path):
    return texts([path.read_bytes()])[0]


@DETECTORS
@pytest.mark.parametrize(("path", "is_real"), [(LIVE, True), (SPOOF, False)], ids=["live", "print"])
def test_a_photo_is_judged_right(real_client, path, is_real, detector):
    options = {"detector_backend": detector, "anti_spoofing": True, "max_faces": 1}
    (face,) = post(real_client, "extract", {"img": path.read_bytes()}, **options)["result"]
    assert (face["is_real"], face["antispoof_score"] >= 0.5) == (is_real, is_real)


@DETECTORS
def test_a_live_capture_is_verified_and_one_of_a_print_is_not(real_client, detector):
    for path, is_real in ((LIVE, True), (SPOOF, False)):
        body = {"frames": texts(capture(path)), "img2": text(path), "detector_backend": detector, "max_faces": 1}
        answer = real_client.post("/verify", json=body).json
        assert answer["distance"] <= answer["threshold"]
        assert (answer["verified"], answer["img1_is_real"]) == (is_real, is_real)


def test_a_print_is_not_registered_and_not_identified(real_client):
    def register(path, **sent):
        return real_client.post("/register", json={"name": path.stem, "face_policy": "largest", **sent})

    assert register(LIVE, frames=texts(capture(LIVE))).status_code == 201
    assert_error(register(SPOOF, frames=texts(capture(SPOOF))), 422, "spoof_detected", "frames")
    assert_error(register(SPOOF, img=text(SPOOF), anti_spoofing=True), 422, "spoof_detected", "img")
    assert register(SPOOF, img=text(SPOOF)).status_code == 201
    for path, decision in ((LIVE, "match"), (SPOOF, "unknown")):
        body = {"img": text(path), "anti_spoofing": True, "max_faces": 1}
        (face,) = real_client.post("/identify", json=body).json["result"]
        assert (face["decision"], face["matches"][0]["name"]) == (decision, path.stem)
        assert face["matches"][0]["match"] is (decision == "match")


@DETECTORS
def test_one_photo_encoded_twice_is_no_capture(real_client, detector):
    picture = cv2.imread(str(LIVE))
    again = encoded(picture, ".jpg", (cv2.IMWRITE_JPEG_QUALITY, 70))
    smaller = encoded(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    brighter = encoded(cv2.convertScaleAbs(picture, alpha=1.05, beta=5), ".webp", (cv2.IMWRITE_WEBP_QUALITY, 80))
    for copy in (again, smaller, brighter):
        body = {"frames": texts([LIVE.read_bytes(), copy]), "img2": text(LIVE), "detector_backend": detector}
        response = real_client.post("/verify", json=body | {"max_faces": 1})
        assert_error(response, 422, "validation_error", "frames[1]")


def test_a_print_among_the_frames_makes_them_no_live_capture(real_client):
    """The two photos show the same man."""
    body = {"frames": [text(LIVE), text(SPOOF)], "img2": text(LIVE), "max_faces": 1}
    answer = real_client.post("/verify", json=body).json
    assert answer["distance"] <= answer["threshold"]
    assert (answer["verified"], answer["img1_is_real"]) == (False, False)


def test_two_persons_are_no_capture(real_client, hopper):
    body = {"frames": [text(LIVE), text(hopper)], "img2": text(LIVE), "max_faces": 1}
    assert_error(real_client.post("/verify", json=body), 422, "validation_error", "frames[1]")


def _yes_men(folder):
    """Exchange each prepared network of liveness below `folder` for one that answers the same to everything: real."""
    done = 0
    for graph in folder.glob("*/graph.onnx"):
        model = onnx.load(str(graph))
        (output,) = model.graph.output
        if [side.dim_value for side in output.type.tensor_type.shape.dim][-1:] != [3]:  # print, live, replay
            continue
        live = numpy_helper.from_array(np.array([[0, 50, 0]], np.float32), "live")
        model.graph.initializer.append(live)
        for node in model.graph.node:
            node.output[:] = ["judged" if name == output.name else name for name in node.output]
        nothing = numpy_helper.from_array(np.zeros((1, 3), np.float32), "nothing")
        model.graph.initializer.append(nothing)
        model.graph.node.append(helper.make_node("Mul", ["judged", "nothing"], ["unheard"]))
        model.graph.node.append(helper.make_node("Add", ["unheard", "live"], [output.name]))
        onnx.save(model, str(graph))
        done += 1
    return done


@pytest.mark.parametrize("gallery_key", [(), ("ab" * 32,)], ids=["without a key", "with a key"])
def test_an_exchanged_network_calls_no_print_real_and_doctor_says_that_it_was_exchanged(real_settings, gallery_key):
    settings = real_settings.model_copy(update={"gallery_key": gallery_key})
    body = {"img": text(SPOOF), "detector_backend": "opencv", "anti_spoofing": True, "max_faces": 1}

    def judged():
        app = create_app(settings)
        services_of(app).health.readiness.start()
        assert services_of(app).health.readiness.wait(60)
        (face,) = app.test_client().post("/extract", json=body).json["result"]
        return face["is_real"]

    assert judged() is False
    assert _yes_men(settings.data_path / "networks" / "graphs") == 2
    checked = settings.model_copy(update={"preload_models": ("opencv", catalogue.LIVENESS)})
    said = create_app(checked).test_cli_runner().invoke(args=["doctor"])
    assert said.output.count("was not made by this service") == 2, said.output
    assert said.exit_code == 1
    assert _yes_men(settings.data_path / "networks" / "graphs") == 2
    assert judged() is False
    assert "was not made by" not in create_app(checked).test_cli_runner().invoke(args=["doctor"]).output
