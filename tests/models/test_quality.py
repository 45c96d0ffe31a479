"""The quality of real faces, found by real detectors."""

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest

from api.context import services_of
from api.factory import create_app
from core.settings import Settings
from services.deepface.engine import DeepFaceEngine
from services.deepface.interface import Detection
from services.faces.quality import measure_quality
from services.faces.reader import DetectedFace
from services.models.weights import Weights
from tests.models.conftest import needs_shared
from tests.models.labelled import SHARED, labelled_gallery, labelled_pairs
from tests.pictures import encoded

MIN_QUALITY = Settings.model_fields["min_quality"].default
PACKAGED = ("dlib", "opencv")
OFFLINE = ("dlib", "opencv", "yunet")
EVERY = 5  # of the labelled photos so many are left out between two that are looked at


@pytest.fixture
def quality(deepface_home, real_client):
    """The quality of the largest face that a detector finds, and the detector's confidence."""
    engine = DeepFaceEngine(Weights(deepface_home), lanes=1, cores=2)

    def of(image, detector, method="bounded", alignment="dlib"):
        how = Detection(detector=detector, method=method, alignment=alignment, enforce=False, max_faces=1)
        (face,) = engine.detect(image, how)
        return measure_quality(DetectedFace(face, None, detector, engine.look_again(image, [face.area])[0]))

    return of


@pytest.fixture(scope="session")
def portraits(astronaut, hopper):
    """Two persons, with half a head's room around each face."""
    return [cv2.imread(str(astronaut))[:300, 60:400], cv2.imread(str(hopper))[:450]]


@pytest.fixture(scope="session")
def bricks():
    """A wall: sharp, bright, and no face."""
    rows, columns = np.mgrid[0:400, 0:400]
    joints = (rows % 40 < 4) | ((columns + rows // 40 % 2 * 40) % 80 < 4)
    grain = np.random.default_rng(0).integers(-20, 20, (400, 400, 3))
    return np.clip(np.where(joints[:, :, None], (190, 190, 190), (60, 80, 170)) + grain, 0, 255).astype(np.uint8)


def shrunk(image, side_px=40):
    scale = side_px / min(image.shape[:2])
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def blurred(image):
    """The photo made out of one of 40 pixels."""
    return cv2.resize(shrunk(image), image.shape[1::-1], interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("detector", PACKAGED)
@pytest.mark.parametrize(("method", "alignment"), [("bounded", "dlib"), ("bounded", "eyes"), ("deepface", "eyes")])
def test_a_good_photo_is_good_enough_and_the_same_shrunk_turned_or_blurred_is_not(
    quality, portraits, detector, method, alignment
):
    for image in portraits:
        assert quality(image, detector, method, alignment).score >= MIN_QUALITY
        small = shrunk(image)
        enlarged = [cv2.resize(small, image.shape[1::-1], interpolation=kind) for kind in (1, 2, 4)]
        turned = [cv2.rotate(image, turn) for turn in (0, 1, 2)]
        for poor in (small, *enlarged, *turned, cv2.GaussianBlur(image, (0, 0), 5)):
            found = quality(poor, detector, method, alignment)
            assert found.score < MIN_QUALITY
            assert found.reasons


@pytest.mark.parametrize("detector", PACKAGED)
@pytest.mark.parametrize("method", ["bounded", "full", "deepface"])
def test_the_turn_of_a_head_is_judged_after_every_detector_and_search(real_client, portraits, detector, method):
    image = base64.b64encode(encoded(portraits[0], ".jpg")).decode()
    body = {"img": image, "detector_backend": detector, "detection": method, "max_faces": 1}
    (face,) = real_client.post("/quality", json=body).json["result"]
    assert 0 <= face["quality"]["turn"] < 0.3
    area = face["facial_area"]
    assert ("nose" in area) == (method != "deepface")  # there the area is DeepFace's
    if "nose" in area:
        assert area["right_eye"][0] < area["nose"][0] < area["left_eye"][0]
        assert area["nose"][1] > max(area["right_eye"][1], area["left_eye"][1])


@pytest.mark.parametrize("detector", [*PACKAGED, "skip"])
def test_a_wall_is_no_face(real_client, bricks, detector):
    body = {"img": base64.b64encode(encoded(bricks)).decode(), "detector_backend": detector, "enforce_detection": False}
    answer = real_client.post("/quality", json=body).json
    assert answer["acceptable"] is False
    assert answer["reasons"] == ["no_face"]
    assert answer["result"][0]["quality"]["score"] == 0


@needs_shared
@pytest.mark.parametrize("detector", OFFLINE)
@pytest.mark.parametrize(("method", "alignment", "every"), [("bounded", "dlib", 1), ("deepface", "eyes", EVERY)])
def test_good_photos_are_good_enough_by_default(quality, detector, method, alignment, every):
    photos = list((labelled_pairs()[0] | labelled_gallery()[0]).items())[::every]
    found = {name: quality(image, detector, method, alignment) for name, image in photos}
    assert {name: one for name, one in found.items() if one.score < MIN_QUALITY} == {}
    assert all(one.turn is not None for one in found.values())


@needs_shared
@pytest.mark.parametrize("detector", OFFLINE)
def test_photos_of_40_pixels_and_upside_down_ones_are_not_good_enough(quality, detector):
    good = []
    for name, image in list((labelled_pairs()[0] | labelled_gallery()[0]).items())[::EVERY]:
        for what, poor in (
            ("small", shrunk(image)),
            ("enlarged", blurred(image)),
            ("turned", cv2.rotate(image, cv2.ROTATE_180)),
        ):
            found = quality(poor, detector)
            good += [(name, what, found)] if found.score >= MIN_QUALITY else []
    assert good == []


@needs_shared
def test_one_blurred_photo_lets_blurred_strangers_in_and_is_refused_by_default(real_settings):
    """Three good photos of a person beside one of 40 pixels, and 15 photos of others, of 40 pixels too."""
    defaults = {"detection": "bounded", "default_alignment": "auto", "default_detector": "dlib"}
    app = create_app(real_settings.model_copy(update={**defaults, "min_quality": MIN_QUALITY}))
    readiness = services_of(app).health.readiness
    readiness.start()
    assert readiness.wait(60)
    client = app.test_client()
    photos = {path: cv2.imread(str(path)) for path in sorted(Path(SHARED, "faces", "gallery").glob("*/*"))}
    *good, last = [image for path, image in photos.items() if path.parent.name.startswith("Donald")][:4]
    others = [image for path, image in photos.items() if not path.parent.name.startswith(("Donald", "George"))]
    strangers = others[::2]

    def post(path, image, **body):
        return client.post(path, json={"img": base64.b64encode(encoded(image, ".jpg")).decode(), **body})

    for name in ("before", "after"):
        for image in good:
            assert post("/register", image, name="Donald", collection=name).status_code == 201
    assert post("/register", blurred(last), name="Donald", collection="before", min_quality=0).status_code == 201
    refused = post("/register", blurred(last), name="Donald", collection="after")
    assert (refused.status_code, refused.json["details"]["reasons"]) == (422, ["blurred"])

    matches = {"before": 0, "after": 0}
    for image in strangers:
        for face in post("/represent", blurred(image), enforce_detection=False).json["result"]:
            for name in matches:
                body = {"embedding": face["embedding"], "collection": name}
                (found,) = client.post("/identify", json=body).json["result"]
                matches[name] += found["decision"] == "match"
    print(f"blurred strangers who are a match, of {len(strangers)}: {matches}")
    assert matches["before"] >= 3
    assert matches["after"] <= 1


@needs_shared
@pytest.mark.parametrize("detector", [*OFFLINE, "skip"])
def test_the_wall_of_the_field_is_not_registered(real_client, detector):
    wall = base64.b64encode(Path(SHARED, "field", "wall1.jpg").read_bytes()).decode()
    body = {"img": wall, "name": "Wall", "detector_backend": detector, "enforce_detection": False, "min_quality": 0.9}
    response = real_client.post("/register", json=body)
    assert (response.status_code, response.json["details"]["reasons"]) == (422, ["no_face"])
