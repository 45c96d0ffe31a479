"""What DeepFace's own `register` stored is imported, and found by requests that embed as DeepFace does."""

import cv2
import pytest

from api.context import services_of
from schemas.gallery import EnrolmentOptions

DLIB = {"model_name": "Dlib", "detector_backend": "dlib"}
DEEPFACES_WAY = {"detection": "deepface", "alignment": "eyes"}
WAYS = {
    "as it is": ({}, {}),
    "not aligned": ({"align": False}, {"align": False}),
    "of length 1": ({"l2_normalize": True}, {"normalization": "base_l2"}),
    "of length 1, euclidean": ({"l2_normalize": True}, {"normalization": "base_l2", "distance_metric": "euclidean"}),
}


@pytest.mark.parametrize(("registered", "requested"), WAYS.values(), ids=WAYS)
def test_a_registered_face_is_found_at_no_distance(
    real_client, deepface, hopper, astronaut, tmp_path, registered, requested
):
    database = str(tmp_path / "deepface.db")
    for name, path in (("Hopper", hopper), ("Collins", astronaut)):
        stored = {"img_name": f"people/{name}/1.jpg", "database_type": "sqlite", "connection_details": database}
        deepface.register(str(path), **stored, **DLIB, **registered)
    services = services_of(real_client.application)
    about = {"normalization": "base", "expand_percentage": 0, "person_from": "folder", "allows_uuids": False}
    with services.gallery.sources.deepface(database, **about) as entries:
        done = services.gallery.enrolment.enrol(
            entries, collection="default", options=EnrolmentOptions(), progress=lambda *_: None
        )
    assert done.enrolled >= 2  # DeepFace may see a face more
    assert done.refused == {}
    image = cv2.imencode(".png", cv2.imread(str(hopper)))[1].tobytes()
    form = {"threshold": 0.07, **DLIB, **DEEPFACES_WAY, **requested}
    answer = real_client.post("/identify", data=image, content_type="image/png", query_string=form).json
    best = answer["result"][0]["matches"][0]
    assert (best["name"], best["distance"]) == ("Hopper", pytest.approx(0, abs=1e-5))
    if requested:  # faces embedded in this way are not compared with those of the usual one
        refused = real_client.post("/identify", data=image, content_type="image/png", query_string=DLIB | DEEPFACES_WAY)
        assert refused.status_code == 422
        assert "has no faces of this model and these options" in refused.text
