"""Requests to a service that lacks something, or has too much to do."""

from tests.recorded.asking import Scenario, ask

_IMAGE = {"img": "@alice"}
_AT_ONCE = 1e-9  # seconds that are over before anything begins

TROUBLES = (
    Scenario(
        name="missing models",
        missing=("VGG-Face", "MiniFASNet", "age", "ssd"),
        steps=(
            ask("ready", "GET /ready"),
            ask("represent", "POST /represent", json=_IMAGE),
            ask("extract", "POST /extract", json=_IMAGE),
            ask("other_model", "POST /represent", json=_IMAGE | {"model_name": "OpenFace"}),
            ask("liveness", "POST /extract", json=_IMAGE | {"anti_spoofing": True}),
            ask("attribute", "POST /analyze", json=_IMAGE),
            ask("other_attribute", "POST /analyze", json=_IMAGE | {"actions": ["emotion"]}),
            ask("detector", "POST /quality", json=_IMAGE | {"detector_backend": "ssd"}),
        ),
    ),
    Scenario(
        name="commercial licences only",
        settings={"license_policy": "commercial", "default_model": "SFace", "default_detector": "yunet"},
        steps=(
            ask("ready", "GET /ready"),
            ask("allowed", "POST /represent", json=_IMAGE | {"anti_spoofing": True}),
            ask("model", "POST /represent", json=_IMAGE | {"model_name": "ArcFace"}),
            ask("detector", "POST /extract", json=_IMAGE | {"detector_backend": "yolov8"}),
            ask("attributes", "POST /analyze", json=_IMAGE),
            ask("register", "POST /register", json=_IMAGE | {"name": "Alice", "model_name": "Buffalo_L"}),
        ),
    ),
    Scenario(
        name="models still load",
        trouble="waits",
        settings={"preload_models": ("opencv",)},
        steps=(
            ask("health", "GET /health"),
            ask("face", "POST /extract", json=_IMAGE),
            ask("ready", "GET /ready"),
            ask("persons", "GET /persons"),
        ),
    ),
    Scenario(
        name="no room for a request",
        settings={"inference_lanes": 1, "queue_max": -1},
        steps=(
            ask("face", "POST /extract", json=_IMAGE),
            ask("wrong_body", "POST /extract", json={}),
            ask("without_inference", "POST /collections", json={"name": "staff"}),
        ),
    ),
    Scenario(
        name="no time for a request",
        settings={"request_timeout_s": _AT_ONCE},
        steps=(ask("face", "POST /extract", json=_IMAGE), ask("persons", "GET /persons")),
    ),
    Scenario(
        name="index still built",
        trouble="index waits",
        settings={"request_timeout_s": 2},
        files={"photos/alice.png": "alice"},
        steps=(ask("find", "POST /find", json=_IMAGE), ask("indexes", "GET /find/indexes")),
    ),
    Scenario(
        name="index cannot be built",
        trouble="index fails",
        files={"photos/alice.png": "alice"},
        steps=(ask("find", "POST /find", json=_IMAGE), ask("indexes", "GET /find/indexes")),
    ),
    Scenario(
        name="engine fails",
        trouble="fails",
        settings={"preload_models": ("VGG-Face",)},
        steps=(ask("face", "POST /extract", json=_IMAGE), ask("ready", "GET /ready")),
    ),
    Scenario(
        name="database does not answer",
        settings={"database_url": "sqlite:///{folder.path}", "api_keys": ("k" * 40,)},
        steps=(
            ask("ready", "GET /ready"),
            ask("persons", "GET /persons", headers={"X-API-Key": "k" * 40}),
            ask("unknown_key", "GET /persons", headers={"X-API-Key": "u" * 40}),
            ask("extract", "POST /extract", json=_IMAGE, headers={"X-API-Key": "k" * 40}),
        ),
    ),
)
