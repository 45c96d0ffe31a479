"""Every endpoint answers what DeepFace's own function answers for the same decoded image and options."""

import base64
import shutil

import cv2
import numpy as np
import pytest

from core.images import ImagePolicy, decode
from tests.models.conftest import SHARED, needs_shared
from tests.pictures import encoded

TOLERANCE = 1e-5

POLICY = ImagePolicy(max_bytes=10**8, max_pixels=10**8)

yunet = pytest.param("yunet", marks=needs_shared)
DETECTORS = ("opencv", "dlib", yunet, "skip")
NORMALIZATIONS = ("raw", "Facenet", "Facenet2018", "VGGFace", "VGGFace2", "ArcFace")
MODELS = ("Dlib", "Facenet512", "VGG-Face", "SFace", "DeepID", "GhostFaceNet")


@pytest.fixture(scope="module")
def deepface(deepface_home):
    from deepface import DeepFace

    return DeepFace


@pytest.fixture(scope="module")
def two(astronaut, hopper):
    """Both persons side by side, as a PNG of 614 x 307: two faces of different sizes."""
    left, right = cv2.imread(str(astronaut)), cv2.imread(str(hopper))
    return encoded(cv2.resize(np.hstack([left, right[:512]]), None, fx=0.6, fy=0.6))


@pytest.fixture(scope="module")
def one(hopper):
    """One person, as a JPEG of 307 x 360."""
    return encoded(cv2.resize(cv2.imread(str(hopper)), None, fx=0.6, fy=0.6), ".jpg")


def post(client, route, images, **options):
    data = {name: base64.b64encode(content).decode() for name, content in images.items()}
    response = client.post(f"/{route}", json=data | options)
    assert response.status_code == 200, response.json
    return response.json


def as_json(value):
    """DeepFace's value as JSON would give it: tuples as lists, numpy numbers as numbers."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def assert_same(ours, theirs):
    """Assert equality, of numbers within the tolerance; theirs may not have keys that ours has not."""
    theirs = as_json(theirs)
    if isinstance(theirs, dict):
        assert set(ours) == set(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key])
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_same(one, other)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, abs=TOLERANCE)
    else:
        assert ours == theirs


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("model", MODELS)
def test_verify(real_client, deepface, two, one, model, detector):
    options = {"model_name": model, "detector_backend": detector}
    contents = {"img1": two, "img2": one}
    ours = post(real_client, "verify", contents, **options)
    theirs = deepface.verify(decode(contents["img1"], POLICY), decode(contents["img2"], POLICY), **options)
    del ours["success"], ours["time"], theirs["time"]
    assert_same(ours, theirs)


@pytest.mark.parametrize(
    "options",
    [
        {"align": False}, {"expand_percentage": 20}, {"threshold": 0.01},
        *({"distance_metric": metric} for metric in ("angular", "euclidean", "euclidean_l2")),
        *({"normalization": name, "model_name": "Facenet512"} for name in NORMALIZATIONS),
    ],
)  # fmt: skip
def test_verify_with_every_other_option(real_client, deepface, two, one, options):
    options = {"model_name": "Dlib", "detector_backend": "opencv"} | options
    contents = {"img1": two, "img2": one}
    ours = post(real_client, "verify", contents, **options)
    theirs = deepface.verify(decode(contents["img1"], POLICY), decode(contents["img2"], POLICY), **options)
    del ours["success"], ours["time"], theirs["time"]
    assert_same(ours, theirs)


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("model", MODELS)
def test_represent(real_client, deepface, two, model, detector):
    options = {"model_name": model, "detector_backend": detector}
    ours = post(real_client, "represent", {"img": two}, **options)
    theirs = deepface.represent(decode(two, POLICY), **options)
    assert (ours["count"], ours["dim"]) == (len(theirs), len(theirs[0]["embedding"]))
    if detector == "skip":
        # DeepFace gives the height as the width here and the width as the height.
        assert ours["result"][0]["facial_area"].items() >= {"x": 0, "y": 0, "w": 613, "h": 306}.items()
        for face in (ours["result"][0], theirs[0]):
            del face["facial_area"]
    assert_same(ours["result"], theirs)


@pytest.mark.parametrize("options", [{"max_faces": 1}, {"align": False, "expand_percentage": 10}])
@pytest.mark.parametrize("detector", DETECTORS[:3])
def test_represent_with_other_options(real_client, deepface, two, detector, options):
    options |= {"model_name": "Dlib", "detector_backend": detector}
    ours = post(real_client, "represent", {"img": two}, **options)
    assert_same(ours["result"], deepface.represent(decode(two, POLICY), **options))


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("color_face", ["rgb", "gray"])
@pytest.mark.parametrize("align", [True, False])
def test_extract(real_client, deepface, two, detector, color_face, align):
    options = {"detector_backend": detector, "color_face": color_face, "align": align}
    ours = post(real_client, "extract", {"img": two}, **options)
    theirs = deepface.extract_faces(decode(two, POLICY), **options)
    assert ours["faces_found"] == len(theirs)
    for one, other in zip(ours["result"], theirs, strict=True):
        png = np.frombuffer(base64.b64decode(one.pop("face_base64").partition(",")[2]), np.uint8)
        picture = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
        picture = picture[..., ::-1] if color_face == "rgb" else picture
        assert np.abs(picture / 255 - other.pop("face")).max() <= TOLERANCE
        assert_same(one, other)


@pytest.mark.parametrize("detector", DETECTORS)
def test_analyze(real_client, deepface, two, detector):
    ours = post(real_client, "analyze", {"img": two}, detector_backend=detector)
    theirs = deepface.analyze(decode(two, POLICY), detector_backend=detector, silent=True)
    assert ours["count"] == len(theirs)
    assert_same(ours["result"], theirs)


def test_analyze_of_some_attributes(real_client, deepface, one):
    options = {"actions": ["emotion", "age"], "detector_backend": "dlib", "align": False}
    ours = post(real_client, "analyze", {"img": one}, **options)
    assert_same(ours["result"], deepface.analyze(decode(one, POLICY), silent=True, **options))


@pytest.fixture
def folder(photos, two, one, tmp_path):
    """Photos of both persons; and a copy of the folder, in which DeepFace may leave its index."""
    for name in ("collins", "hopper", "misc"):
        (photos / name).mkdir()
    (photos / "collins" / "1.png").write_bytes(encoded(decode(two, POLICY)[:, :307]))
    (photos / "hopper" / "1.jpg").write_bytes(one)
    (photos / "hopper" / "2.jpeg").write_bytes(encoded(cv2.convertScaleAbs(decode(one, POLICY), alpha=0.7), ".jpg"))
    (photos / "misc" / "two.PNG").write_bytes(two)
    (photos / "misc" / "none.png").write_bytes(encoded(np.zeros((50, 50, 3), np.uint8)))
    (photos / "notes.txt").write_text("no photo")
    return photos, shutil.copytree(photos, tmp_path / "copy")


@pytest.mark.parametrize(
    ("model", "detector", "metric", "similarity_search"),
    [
        ("Dlib", "opencv", "cosine", False),
        ("Dlib", "opencv", "euclidean", False),
        ("Dlib", "opencv", "euclidean_l2", True),
        ("Dlib", "opencv", "angular", True),
        ("Dlib", "dlib", "cosine", True),
        ("Facenet512", "opencv", "angular", False),
        ("VGG-Face", "opencv", "euclidean_l2", True),
        ("Dlib", "skip", "cosine", True),
    ],
)
def test_find(real_client, deepface, folder, two, model, detector, metric, similarity_search):
    photos, copy = folder
    options = {"model_name": model, "detector_backend": detector, "distance_metric": metric}
    ours = post(real_client, "find", {"img": two}, similarity_search=similarity_search, **options)
    theirs = deepface.find(
        decode(two, POLICY), str(copy), return_type="dict", silent=True, similarity_search=similarity_search, **options
    )
    assert ours["faces_queried"] == len(theirs)
    assert any(theirs)
    thresholds = {row["threshold"] for rows in ours["result"] for row in rows}
    assert len(thresholds) == 1
    for mine, rows in zip(ours["result"], theirs, strict=True):
        expected = []
        for row in rows:
            if np.isinf(row["distance"]):  # DeepFace lists photos without a face, infinitely far away
                continue
            row["identity"] = row["identity"].replace(str(copy), str(photos))
            row["person"] = row["identity"].removeprefix(f"{photos}/").split("/")[0]
            del row["hash"]
            if similarity_search:  # DeepFace's threshold is then infinite, which JSON cannot say
                (row["threshold"],) = thresholds
                del row["confidence"]
            expected.append(row)
        for row in mine if similarity_search else ():
            del row["confidence"]
        order = ("distance", "identity", "target_x")
        assert_same(
            sorted(mine, key=lambda row: [row[key] for key in order]),
            sorted(expected, key=lambda row: [row[key] for key in order]),
        )
    assert not [path for path in photos.rglob("*") if path.suffix in (".npz", ".pkl")]


def test_liveness_says_what_deepface_says_but_marks_instead_of_failing(real_client, deepface, two):
    ours = post(real_client, "extract", {"img": two}, detector_backend="dlib", anti_spoofing=True)
    theirs = deepface.extract_faces(decode(two, POLICY), detector_backend="dlib", anti_spoofing=True)
    assert [face["is_real"] for face in ours["result"]] == [face["is_real"] for face in theirs]
    for one, other in zip(ours["result"], theirs, strict=True):
        if other["is_real"]:  # of a spoof DeepFace gives the probability of the class that won
            assert one["antispoof_score"] == pytest.approx(float(other["antispoof_score"]), abs=TOLERANCE)
        else:
            assert one["antispoof_score"] <= 1 - float(other["antispoof_score"]) + TOLERANCE


@needs_shared
def test_liveness_is_right_on_a_live_photo_and_a_print(real_client):
    answers = {}
    for path in (SHARED / "faces" / "liveness").glob("*.jpg"):
        result = post(real_client, "extract", {"img": path.read_bytes()}, anti_spoofing=True, max_faces=1)["result"]
        answers[path.stem] = result[0]["is_real"], result[0]["antispoof_score"]
    assert len(answers) == 2, answers
    for name, (is_real, score) in answers.items():
        assert is_real == (score > 0.5), name
    assert {is_real for is_real, _ in answers.values()} == {True, False}
