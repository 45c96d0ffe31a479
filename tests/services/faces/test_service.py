import cv2
import numpy as np
import pytest

from core.exceptions import LicenseForbidden, LivenessUnavailable, ModelUnavailable, NoFaceDetected
from core.images.decoding import ImagePolicy, decode
from schemas.faces import AnalyzeRequest, ExtractRequest, RepresentRequest, VerifyRequest
from services.faces.frames import FrameReader
from services.faces.options import Defaults
from services.faces.reader import FaceReader
from services.faces.service import FaceService
from tests.fakes import FakeEngine
from tests.pictures import ALICE, ALICIA, BOB, MASK, Block, encoded, photo, picture

POLICY = ImagePolicy(max_bytes=100_000, max_pixels=1_000_000)


@pytest.fixture
def make_service(settings):
    def make(given=settings, **options):
        engine, defaults = FakeEngine(**options), Defaults.of(given)
        reader = FaceReader(
            engine=engine, policy=POLICY, max_faces=256, antispoof_threshold=defaults.antispoof_threshold
        )
        frames = FrameReader(reader=reader, defaults=defaults)
        return FaceService(engine=engine, reader=reader, frames=frames, defaults=defaults)

    return make


@pytest.fixture
def service(make_service):
    return make_service()


def test_the_closest_pair_over_all_faces_decides(service):
    answer = service.verify(VerifyRequest(img1=photo(BOB, ALICE), img2=photo(ALICIA, ALICE, BOB)))
    assert answer.verified
    assert answer.distance == 0
    # Both images hold Bob and Alice; of equal distances the first face of the first image wins.
    assert (answer.facial_areas["img1"].x, answer.facial_areas["img2"].x) == (20, 140)


def test_the_threshold_is_the_models_own_unless_the_request_has_one(service):
    pair = {"img1": photo(ALICE), "img2": photo(ALICIA)}
    near = service.verify(VerifyRequest(**pair))
    assert (near.verified, near.threshold, near.confidence) == (True, 0.68, 75.0)
    strict = service.verify(VerifyRequest(**pair, threshold=0.001))
    assert (strict.verified, strict.threshold, strict.distance) == (False, 0.001, near.distance)
    exact = service.verify(VerifyRequest(**pair, threshold=near.distance))
    assert exact.verified


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "euclidean_l2", "angular"])
def test_every_metric_tells_one_person_from_another(service, metric):
    options = {"distance_metric": metric, "model_name": "ArcFace", "threshold": 0.1 if metric != "euclidean" else 50}
    same = service.verify(VerifyRequest(img1=photo(ALICE), img2=photo(ALICE), **options))
    other = service.verify(VerifyRequest(img1=photo(ALICE), img2=photo(BOB), **options))
    assert (same.verified, other.verified, same.similarity_metric) == (True, False, metric)


def test_a_spoof_is_never_verified_and_is_marked(service):
    answer = service.verify(VerifyRequest(img1=photo(MASK), img2=photo(MASK), anti_spoofing=True))
    assert answer.distance == 0
    assert not answer.verified
    assert (answer.img1_is_real, answer.img2_is_real) == (False, False)
    assert answer.img1_antispoof_score == pytest.approx(32 / 255)


def test_liveness_keys_appear_only_where_liveness_was_asked_for(service):
    plain = service.verify(VerifyRequest(img1=photo(ALICE), img2=photo(ALICE))).model_dump()
    assert not [key for key in plain if "real" in key or "spoof" in key]
    judged = service.represent(RepresentRequest(img=photo(ALICE, MASK), anti_spoofing=True)).model_dump()
    assert [face["is_real"] for face in judged["result"]] == [True, False]


def test_an_image_without_a_face_is_an_error_that_names_the_field(service):
    with pytest.raises(NoFaceDetected) as caught:
        service.verify(VerifyRequest(img1=photo(ALICE), img2=photo()))
    assert [entry["field"] for entry in caught.value.details["fields"]] == ["img2"]
    answer = service.represent(RepresentRequest(img=photo(), enforce_detection=False))
    assert (answer.count, answer.result[0].face_confidence) == (1, 0)
    assert answer.result[0].facial_area.w == 200


def test_represent_gives_every_face_and_the_dimension(service):
    answer = service.represent(RepresentRequest(img=photo(ALICE, BOB), model_name="Facenet512"))
    assert (answer.count, answer.dim, answer.model) == (2, 512, "Facenet512")
    assert [tuple(face.embedding[:3]) for face in answer.result] == [ALICE, BOB]


def test_max_faces_keeps_the_largest(service):
    content = encoded(picture(Block(ALICE, w=20, h=20), Block(BOB, x=100)))
    answer = service.represent(RepresentRequest(img=content, max_faces=1))
    assert [tuple(face.embedding[:3]) for face in answer.result] == [BOB]


def test_analyze_gives_what_was_asked_for_once_each(service):
    every = service.analyze(AnalyzeRequest(img=photo(ALICE))).result[0].model_dump()
    assert {"age", "gender", "dominant_gender", "emotion", "race", "region", "face_confidence"} <= set(every)
    some = service.analyze(AnalyzeRequest(img=photo(ALICE), actions=["age", "age"])).result[0].model_dump()
    assert set(some) == {"age", "region", "face_confidence"}
    assert some["age"] == ALICE[1]


def test_analyze_without_actions_answers_what_is_installed_and_says_why_not_the_rest(make_service):
    answer = make_service(missing=["race", "emotion"]).analyze(AnalyzeRequest(img=photo(ALICE)))
    assert set(answer.result[0].model_dump()) == {"age", "gender", "dominant_gender", "region", "face_confidence"}
    assert answer.unavailable == {"emotion": "emotion is missing", "race": "race is missing"}


def test_analyze_with_all_models_has_no_word_about_missing_ones(service):
    assert "unavailable" not in service.analyze(AnalyzeRequest(img=photo(ALICE))).model_dump()


def test_analyze_with_actions_is_an_error_that_names_every_missing_model(make_service):
    service = make_service(missing=["race", "emotion"])
    with pytest.raises(ModelUnavailable) as caught:
        service.analyze(AnalyzeRequest(img=photo(ALICE), actions=["race", "age", "emotion"]))
    assert caught.value.details["models"] == ["race", "emotion"]


def test_analyze_that_can_answer_nothing_is_an_error_that_names_every_missing_model(make_service):
    every = ["age", "gender", "emotion", "race"]
    with pytest.raises(ModelUnavailable) as caught:
        make_service(missing=every).analyze(AnalyzeRequest(img=photo(ALICE)))
    assert caught.value.details["models"] == every


def test_analyze_refuses_a_named_attribute_that_the_licence_policy_forbids(make_service, settings):
    allowed = {"license_policy": "commercial", "model_preset": "commercial"}
    service = make_service(settings.model_copy(update=allowed))
    with pytest.raises(LicenseForbidden) as caught:
        service.analyze(AnalyzeRequest(img=photo(ALICE), actions=["age", "race"]))
    assert caught.value.details["model"] == "race"
    answer = service.analyze(AnalyzeRequest(img=photo(ALICE)))
    assert {"age", "gender"} < set(answer.result[0].model_dump())
    assert set(answer.unavailable) == {"emotion", "race"}
    assert "LICENSE_POLICY" in answer.unavailable["race"]


def test_analyze_of_which_every_model_is_forbidden_is_refused(make_service, settings):
    forbidden = {"license_policy": "commercial", "model_preset": "commercial", "attribute_models": "deepface"}
    with pytest.raises(LicenseForbidden):
        make_service(settings.model_copy(update=forbidden)).analyze(AnalyzeRequest(img=photo(ALICE)))


def test_a_missing_model_is_named_where_the_others_are_forbidden(make_service, settings):
    allowed = {"license_policy": "commercial", "model_preset": "commercial"}
    service = make_service(settings.model_copy(update=allowed), missing=["dlib-age", "dlib-gender"])
    with pytest.raises(ModelUnavailable) as caught:
        service.analyze(AnalyzeRequest(img=photo(ALICE)))
    assert caught.value.details["models"] == ["dlib-age", "dlib-gender"]


@pytest.mark.parametrize("colour", ["rgb", "gray"])
def test_extract_gives_the_crop_as_png(service, colour):
    answer = service.extract(ExtractRequest(img=photo(ALICE), color_face=colour))
    head, _, data = answer.result[0].face_base64.partition(",")
    assert head == "data:image/png;base64"
    import base64

    content = base64.b64decode(data)
    assert (content[25] == 0) == (colour == "gray")  # PNG's colour type: 0 is grey
    expected = picture(Block(ALICE))[30:70, 20:60]
    if colour == "gray":
        expected = cv2.cvtColor(cv2.cvtColor(expected, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    assert np.array_equal(decode(content, POLICY), expected)


def test_missing_weights_are_known_before_the_image_is_even_opened(make_service):
    service = make_service(missing=["ArcFace", "ssd", "race", "MiniFASNet"])
    for call, request in (
        (service.represent, RepresentRequest(img="missing.jpg", model_name="ArcFace")),
        (service.extract, ExtractRequest(img="missing.jpg", detector_backend="ssd")),
        (service.analyze, AnalyzeRequest(img="missing.jpg", actions=["race"])),
        (service.analyze, AnalyzeRequest(img="missing.jpg", detector_backend="ssd")),
    ):
        with pytest.raises(ModelUnavailable):
            call(request)
    with pytest.raises(LivenessUnavailable):
        service.extract(ExtractRequest(img="missing.jpg", anti_spoofing=True))
