"""GET /models, and what LICENSE_POLICY refuses."""

import pytest

from services.models.catalogue import catalogue
from tests.api.v1.test_gallery import text
from tests.conftest import assert_error
from tests.pictures import ALICE

COMMERCIAL = {"license_policy": "commercial", "default_model": "SFace", "default_detector": "yunet"}


def models(client):
    return {model["name"]: model for model in client.get("/models").json["models"]}


def test_every_row_of_the_catalogue_is_there_with_its_terms(client):
    rows = models(client)
    assert list(rows) == list(catalogue.MODELS)
    for row in rows.values():
        assert set(row["license"]) == {"name", "commercial_use", "reason", "source"}
        assert row["allowed"] is True
        assert all(file["urls"] or file["package"] for file in row["files"])
        assert row["task"] != "recognition" or (row["dim"] and len(row["input_px"]) == 2 and row["accuracy"])


def test_thresholds_are_given_for_each_way_of_cutting_out_with_their_source(client):
    rows = models(client)
    assert [entry["alignment"] for entry in rows["ArcFace"]["thresholds"]] == ["eyes"]
    cosine = {
        (one["alignment"], one["detector_backend"]): one["values"]["cosine"] for one in rows["Dlib"]["thresholds"]
    }
    assert cosine["eyes", None] == 0.07
    assert {cosine["template", detector] for detector in ("opencv", "dlib", "yunet")} == {0.083}
    assert cosine["eyes", "opencv"] < cosine["eyes", "dlib"] < 0.07
    for entry in rows["Dlib"]["thresholds"]:
        assert len(entry["values"]) == 4
        assert entry["source"]
    assert rows["yunet"]["thresholds"] == []


def test_a_file_that_is_not_here_has_its_published_size_and_one_that_is_its_own(app, settings):
    client = app.test_client()
    (file,) = models(client)["SFace"]["files"]
    assert (file["installed"], file["size_bytes"], len(file["sha256"])) == (False, 38_696_353, 64)
    (file,) = models(client)["ArcFace"]["files"]
    assert (file["installed"], file["size_bytes"], file["sha256"]) == (False, None, None)
    path = settings.deepface_home / ".deepface" / "weights" / "arcface_weights.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"12345")
    row = models(client)["ArcFace"]
    assert (row["installed"], row["files"][0]["installed"], row["files"][0]["size_bytes"]) == (True, True, 5)


def test_what_is_preloaded_is_ready_and_what_a_request_used_is_loaded(client):
    rows = models(client)
    assert (rows["VGG-Face"]["loaded"], rows["VGG-Face"]["ready"]) == (True, True)
    assert (rows["Dlib"]["loaded"], rows["Dlib"]["ready"]) == (False, False)
    assert (rows["VGG-Face"]["self_test"], "self_test" in rows["Dlib"]) == ("first answer", False)
    assert rows["VGG-Face"]["milliseconds"] >= 0
    client.post("/represent", json={"img": text(ALICE), "model_name": "Dlib"})
    row = models(client)["Dlib"]
    assert (row["loaded"], row["ready"]) == (True, False)


def test_a_model_whose_package_is_missing_is_not_installed(client):
    row = models(client)["mtcnn"]
    command = "pip install -r requirements-mtcnn.txt"
    assert (row["installed"], row["package"], row["files"]) == (False, command, [])
    assert row["package_problem"] == f"Model mtcnn needs a missing package. Run: {command}"


def test_a_model_that_no_package_can_run_says_why(client):
    row = models(client)["mediapipe"]
    assert (row["installed"], row["package"]) == (False, None)
    assert "The last mediapipe with it, 0.10.21, needs numpy below 2" in row["package_problem"]
    assert "package_problem" not in models(client)["yunet"]


def test_the_root_links_it_and_openapi_describes_it(client):
    assert ("GET", "/models") in {(line["method"], line["path"]) for line in client.get("/").json["endpoints"]}
    answer = client.get("/openapi.json").json["paths"]["/models"]["get"]["responses"]["200"]
    assert "ModelsResponse" in str(answer)


def test_the_presets_have_the_sizes_and_the_worst_licence_of_their_models(make_app):
    answer = make_app(model_preset="offline").test_client().get("/models").json
    assert answer["preset"] == "offline"
    presets = {preset["name"]: preset for preset in answer["presets"]}
    assert {name: preset["commercial_use"] for name, preset in presets.items()} == {
        "offline": "yes", "commercial": "yes", "accurate": "no", "deepface": "no",
    }  # fmt: skip
    assert (presets["offline"]["models"], presets["offline"]["size_bytes"]) == (
        ["Dlib", "dlib", "dlib-age", "dlib-gender"],
        42_915_994,
    )
    assert (presets["commercial"]["models"], presets["commercial"]["size_bytes"]) == (
        ["SFace", "yunet", "MiniFASNet", "dlib-age", "dlib-gender"],
        None,
    )
    assert not presets["deepface"]["installed"]


@pytest.mark.parametrize(
    ("route", "body", "forbidden"),
    [
        ("verify", {"img1": text(ALICE), "img2": text(ALICE), "model_name": "ArcFace"}, "ArcFace"),
        ("represent", {"img": text(ALICE), "model_name": "VGG-Face"}, "VGG-Face"),
        ("find", {"img": text(ALICE), "model_name": "Facenet"}, "Facenet"),
        ("register", {"img": text(ALICE), "name": "Alice", "model_name": "Buffalo_L"}, "Buffalo_L"),
        ("identify", {"img": text(ALICE), "detector_backend": "retinaface"}, "retinaface"),
        ("extract", {"img": text(ALICE), "detector_backend": "yolov8"}, "yolov8n"),
        ("quality", {"img": text(ALICE), "detector_backend": "mtcnn"}, "mtcnn"),
        ("analyze", {"img": text(ALICE)}, "age"),
        ("compare", {"source_vector": [0.0] * 512, "target_vector": [1.0] * 512, "model_name": "ArcFace"}, "ArcFace"),
    ],
)
def test_a_request_for_a_model_outside_the_policy_is_refused_and_says_why(make_app, engine, route, body, forbidden):
    client = make_app(**COMMERCIAL).test_client()
    engine.loaded.clear()
    details = assert_error(client.post(f"/{route}", json=body), 403, "license_forbidden")["details"]
    assert (details["model"], details["license"]) == (forbidden, catalogue.find(forbidden).license.name)
    assert details["commercial_use"] != "yes"
    assert forbidden not in engine.loaded


def test_what_the_policy_allows_answers_liveness_included(make_app):
    client = make_app(**COMMERCIAL).test_client()
    pair = {"img1": text(ALICE), "img2": text(ALICE), "anti_spoofing": True}
    assert client.post("/verify", json=pair).status_code == 200
    answer = client.get("/models").json
    assert answer["license_policy"] == "commercial"
    assert {row["name"] for row in answer["models"] if row["allowed"]} == {
        name for name, model in catalogue.MODELS.items() if model.license.commercial_use == "yes"
    }
