"""Faces found by the real detectors, bounded and at full size, and cut out by templates."""

import base64

import cv2
import dlib
import numpy as np
import pytest

from services.deepface.engine import DeepFaceEngine
from services.deepface.interface import Detection
from services.models.weights import Weights
from tests.models.conftest import needs_shared
from tests.models.labelled import SHARED, annotated_photos, labelled_pairs

PACKAGED = ("opencv", "dlib")

# What is asked of a detector: of the faces it finds so many, and one box in so many photos at most shows none. The
# cascade is the weakest; its figures are to notice a broken search.
MIN_FOUND = {"yunet": 0.98, "dlib": 0.98, "opencv": 0.75}
PHOTOS_A_FALSE_BOX = {"yunet": 50, "dlib": 50, "opencv": 10}


@pytest.fixture
def engine(deepface_home, real_client):
    return DeepFaceEngine(Weights(deepface_home), lanes=1, cores=2)


def faces_of(engine, image, detector, method="bounded", **options):
    how = Detection(detector=detector, method=method, **{"enforce": False} | options)
    return [face for face in engine.detect(image, how) if face.confidence]


def holds(area, point):
    """Whether the box holds the point."""
    x, y = point
    return area.x <= x <= area.x + area.w and area.y <= y <= area.y + area.h


@pytest.fixture(scope="session")
def large(astronaut, hopper):
    """12 megapixels with one large face and one that a small copy does not show, and the middles of both."""
    canvas = np.full((3000, 4000, 3), 128, np.uint8)
    canvas[400:2448, 100:2148] = cv2.resize(cv2.imread(str(astronaut)), None, fx=4, fy=4)
    small = cv2.resize(cv2.imread(str(hopper)), None, fx=0.28, fy=0.28, interpolation=cv2.INTER_AREA)
    canvas[2500 : 2500 + small.shape[0], 3500 : 3500 + small.shape[1]] = small
    return canvas, (100 + 4 * 224, 400 + 4 * 120), (3500 + 0.28 * 255, 2500 + 0.28 * 195)


@pytest.mark.parametrize("detector", PACKAGED)
def test_a_large_face_is_found_in_the_copy_and_a_small_one_at_full_size(engine, large, detector):
    image, large_face, small_face = large
    bounded = faces_of(engine, image, detector)
    assert holds(bounded[0].area, large_face)
    assert not any(holds(face.area, small_face) for face in bounded)
    full = faces_of(engine, image, detector, "full")
    assert holds(full[0].area, large_face)
    assert sum(holds(face.area, small_face) for face in full) == 1


@pytest.mark.parametrize("detector", PACKAGED)
def test_a_small_face_alone_in_a_large_photo_is_not_lost(engine, large, detector):
    image, _, small_face = large
    image = image.copy()
    image[:2450, :2150] = 128
    assert [holds(face.area, small_face) for face in faces_of(engine, image, detector)] == [True]


@pytest.mark.parametrize("detector", PACKAGED)
def test_a_bounded_search_crops_as_deepface_does(engine, astronaut, detector):
    """The boxes differ by what the border and the copy do to them; the crop of a box is DeepFace's own."""
    image = cv2.imread(str(astronaut))
    (ours,) = faces_of(engine, image, detector, max_faces=1)
    (theirs,) = faces_of(engine, image, detector, "deepface", max_faces=1)
    eyes = np.array([ours.area.left_eye, ours.area.right_eye]), np.array([theirs.area.left_eye, theirs.area.right_eye])
    assert np.abs(eyes[0] - eyes[1]).max() <= 6
    assert abs(ours.area.w - theirs.area.w) < 0.2 * theirs.area.w
    sides = [(min(crop.shape[:2]), max(crop.shape[:2])) for crop in (ours.crop, theirs.crop)]
    assert np.allclose(*sides, rtol=0.2)


@pytest.mark.parametrize("detector", PACKAGED)
@pytest.mark.parametrize(("template", "side_px"), [("dlib", 150), ("arcface", 112), ("facenet", 160), ("vggface", 224)])
@pytest.mark.parametrize("method", ["bounded", "deepface"])
def test_a_template_gives_one_crop_a_face_of_its_size(engine, two, detector, template, side_px, method):
    image = cv2.imdecode(np.frombuffer(two, np.uint8), cv2.IMREAD_COLOR)
    faces = faces_of(engine, image, detector, method, alignment=template, max_faces=2)
    assert [face.crop.shape for face in faces] == [(side_px, side_px, 3)] * 2


def test_the_template_of_dlib_is_dlibs_own_face_chip(engine, astronaut):
    image = cv2.imread(str(astronaut))
    (face,) = faces_of(engine, image, "dlib", alignment="dlib", max_faces=1)
    with engine.lane() as lane:
        predictor = lane.models["predictor"]
        area, rgb = face.area, np.ascontiguousarray(image[:, :, ::-1])
        shape = predictor(rgb, dlib.rectangle(area.x, area.y, area.x + area.w, area.y + area.w))
        chip = dlib.get_face_chip(rgb, shape, 150, 0.25)[:, :, ::-1]
    # The box is whole pixels there and parts of them here; between two other faces the mean difference is over 40.
    assert np.abs(face.crop.astype(float) - chip).mean() < 5


@pytest.mark.parametrize("percentage", [0, 33, 100])
def test_no_alignment_is_the_upright_box(engine, astronaut, percentage):
    image = cv2.imread(str(astronaut))[60:250, :230]  # the face lies at the upper edge and is cut on the right
    (face,) = faces_of(engine, image, "dlib", alignment="none", expand_percentage=percentage, max_faces=1)
    area = face.area
    assert np.array_equal(face.crop, image[area.y : area.y + area.h, area.x : area.x + area.w])


@pytest.mark.parametrize("alignment", ["none", "eyes", "dlib"])
def test_no_face_is_one_face_of_no_confidence_where_that_is_no_error(engine, alignment):
    image = np.full((300, 400, 3), 128, np.uint8)
    (face,) = engine.detect(image, Detection(detector="dlib", method="bounded", enforce=False, alignment=alignment))
    assert (face.confidence, face.crop.shape) == (0, image.shape)


def test_requests_choose_how_faces_are_searched_and_aligned(real_client, one):
    def embedding(**options):
        data = {"img": base64.b64encode(one).decode(), "detector_backend": "dlib"}
        response = real_client.post("/represent", json=data | options)
        assert response.status_code == 200, response.json
        return np.array(response.json["result"][0]["embedding"])

    default = embedding()
    assert np.array_equal(default, embedding(detection="deepface", alignment="eyes"))  # the settings of these tests
    ways = [
        default,
        embedding(alignment="template"),
        embedding(detection="bounded"),
        embedding(detection="bounded", alignment="template"),
    ]
    assert all(not np.array_equal(one, other) for i, one in enumerate(ways) for other in ways[:i])
    assert np.array_equal(embedding(alignment="auto"), ways[1])


@pytest.mark.parametrize("detector", PACKAGED)
@pytest.mark.parametrize(("long_side_px", "method"), [(120, "bounded"), (2600, "bounded"), (1400, "full")])
def test_a_face_that_fills_the_image_is_found_and_nothing_inside_it(
    engine, astronaut, hopper, detector, long_side_px, method
):
    for photo in (astronaut, hopper):
        image = cv2.imread(str(photo))
        area = faces_of(engine, image, "dlib", max_faces=1)[0].area
        close = image[area.y : area.y + area.h, area.x : area.x + area.w]
        scale = long_side_px / max(close.shape[:2])
        (face,) = faces_of(engine, cv2.resize(close, None, fx=scale, fy=scale), detector, method)
        assert face.area.w * face.area.h > 0.5 * long_side_px**2


@needs_shared
@pytest.mark.parametrize("detector", MIN_FOUND)
def test_close_ups_of_famous_people_are_found(engine, detector):
    """Cut at the box that YuNet gives, which is tighter than the others'."""
    for image in labelled_pairs()[0].values():
        area = faces_of(engine, image, "yunet", max_faces=1)[0].area
        x, y = max(0, area.x), max(0, area.y)
        close = image[y : area.y + area.h, x : area.x + area.w]
        (face,) = faces_of(engine, close, detector)
        assert holds(face.area, (area.nose[0] - x, area.nose[1] - y))
        assert face.area.w * face.area.h > 0.35 * close.shape[0] * close.shape[1]


@needs_shared
@pytest.mark.parametrize("detector", MIN_FOUND)
def test_the_close_up_of_the_field_shows_one_face(engine, detector):
    image = cv2.imread(str(SHARED / "field" / "closeup_img20.jpg"))
    (face,) = faces_of(engine, image, detector)
    assert face.area.w * face.area.h > 0.5 * image.shape[0] * image.shape[1]


@needs_shared
@pytest.mark.parametrize("detector", MIN_FOUND)
def test_faces_of_groups_are_found_from_400_pixels_on(engine, detector):
    found = false = total = photos = 0
    for _, image, noses in annotated_photos(longest_px=2000):
        areas = [face.area for face in faces_of(engine, image, detector, alignment="none")]
        found += sum(any(holds(area, nose) for area in areas) for nose in noses)
        false += sum(not any(holds(area, nose) for nose in noses) for area in areas)
        total += len(noses)
        photos += 1
    assert total > 60
    assert found / total >= MIN_FOUND[detector]
    assert false <= photos / PHOTOS_A_FALSE_BOX[detector]


@pytest.mark.parametrize("detector", ["opencv", pytest.param("yunet", marks=needs_shared)])
def test_a_detector_that_is_loaded_has_all_that_a_first_request_needs(
    deepface_home, real_client, hopper, monkeypatch, detector
):
    engine = DeepFaceEngine(Weights(deepface_home), lanes=2, cores=2)
    built = []
    engine.load(detector)
    monkeypatch.setattr(dlib, "get_frontal_face_detector", lambda: built.append("a detector"))
    monkeypatch.setattr(dlib, "shape_predictor", lambda *_: built.append("a predictor"))
    monkeypatch.setattr(cv2, "CascadeClassifier", lambda *_: built.append("a cascade"))
    for method, alignment in (("bounded", "dlib"), ("full", "arcface"), ("deepface", "dlib"), ("bounded", "eyes")):
        faces = faces_of(engine, cv2.imread(str(hopper)), detector, method, alignment=alignment)
        assert engine.look_again(cv2.imread(str(hopper)), [face.area for face in faces])
    assert built == []
