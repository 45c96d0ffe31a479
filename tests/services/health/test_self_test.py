import json

import numpy as np
import pytest

from core.exceptions import ModelUnavailable
from core.shared_json import SharedJson
from services.health.drawn_face import SIDE_PX, draw_face
from services.health.self_test import TOLERANCE, SelfTest
from services.models.catalogue import catalogue
from tests.fakes import FakeEngine

STEP = TOLERANCE["recognition"]
EVERY_KIND = ("VGG-Face", "opencv", "age", "gender", "dlib-age", catalogue.LIVENESS, "skip")


class Shifted(FakeEngine):
    """Adds `shift` to one number of each embedding of about length 1, or puts `value` into all."""

    def __init__(self, shift=0.0, value=None):
        super().__init__()
        self.shift, self.value = shift, value

    def embed(self, crops, **options):
        embeddings = super().embed(crops, **options)
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
        embeddings[:, -1] += self.shift
        return embeddings if self.value is None else np.full_like(embeddings, self.value)


@pytest.fixture
def make(tmp_path):
    def make(engine=None, runtime="onnx on the CPU", versions=None):
        answers = SharedJson(tmp_path / "self_test.json")
        return SelfTest(
            engine=engine or FakeEngine(), answers=answers, runtime=runtime, versions=versions or {"a": "1"}
        )

    return make


def test_the_picture_is_always_the_same():
    picture = draw_face()
    assert (picture.shape, picture.dtype) == ((SIDE_PX, SIDE_PX, 3), np.uint8)
    assert np.array_equal(picture, draw_face())
    assert picture[118, 104].max() < 60 < picture[150, 128].min()  # an iris, and the nose


@pytest.mark.parametrize("name", EVERY_KIND)
def test_the_first_answer_is_kept_and_the_next_compared(make, tmp_path, name):
    first, again = make().run(name), make().run(name)
    assert (first.outcome, first.passed, first.distance) == ("first answer", True, None)
    assert (again.outcome, again.passed, again.distance) == ("same answer", True, 0)
    assert again.milliseconds >= 0
    kept = json.loads((tmp_path / "self_test.json").read_text())[name]["onnx on the CPU"]
    assert (kept["weights"], kept["versions"]) == ("fake", {"a": "1"})
    assert kept["answer"]


def test_an_alias_is_kept_under_the_catalogues_name(make):
    test = make()
    assert test.run("yolov8").model == "yolov8n"
    assert list(test.results) == ["yolov8n"]


@pytest.mark.parametrize(("shift", "passed"), [(0.3 * STEP, True), (3 * STEP, False)])
def test_only_what_is_within_the_tolerance_is_the_same(make, shift, passed):
    make(Shifted()).run("VGG-Face")
    result = make(Shifted(shift)).run("VGG-Face")
    assert result.passed is passed
    assert result.distance == pytest.approx(shift * 2**0.5, rel=0.1)


@pytest.mark.parametrize(
    ("weights", "versions", "said"),
    [("fake", {"a": "1"}, ("same weights", "same packages")), ("new", {"a": "1"}, ("other weights", "same packages")),
     ("fake", {"a": "2"}, ("same weights", "other versions"))],
)  # fmt: skip
def test_a_changed_answer_says_what_else_has_changed_and_what_to_do(make, weights, versions, said):
    make().run("VGG-Face")
    engine = Shifted(1)
    engine.weights = weights
    result = make(engine, versions=versions).run("VGG-Face")
    assert (result.outcome, result.passed) == ("changed answer", False)
    assert all(words in result.message for words in (*said, "VGG-Face", "face-service doctor --accept"))
    assert make().run("VGG-Face").passed  # the answer that was kept is still there


def test_an_accepted_answer_takes_the_place_of_the_one_before(make):
    make().run("VGG-Face")
    assert make(Shifted(1)).run("VGG-Face", accept=True).outcome == "first answer"
    assert make(Shifted(1)).run("VGG-Face").outcome == "same answer"
    assert make().run("VGG-Face").outcome == "changed answer"


def test_each_runtime_has_answers_of_its_own(make):
    make().run("VGG-Face")
    assert make(Shifted(1), runtime="tensorflow on the CPU").run("VGG-Face").outcome == "first answer"
    assert make().run("VGG-Face").outcome == "same answer"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, 0.5])
def test_embeddings_that_say_nothing_are_no_answer_and_are_not_kept(make, tmp_path, value):
    with np.errstate(invalid="ignore"):
        result = make(Shifted(value=value)).run("VGG-Face")
    assert (result.outcome, result.passed) == ("no answer", False)
    assert not (tmp_path / "self_test.json").exists()


@pytest.mark.parametrize("content", ["{", '{"VGG-Face": 1}', '{"VGG-Face": {"onnx on the CPU": {"answer": 1}}}'])
def test_a_damaged_file_of_answers_is_not_taken_for_a_first_time(make, tmp_path, content):
    file = tmp_path / "self_test.json"
    file.write_text(content)
    result = make().run("VGG-Face")
    assert (result.outcome, result.passed) == ("no answer", False)
    assert "damaged" in result.message
    assert str(tmp_path) not in result.message
    assert file.read_text() == content
    assert make().run("VGG-Face", accept=True).passed
    assert make().run("VGG-Face").outcome == "same answer"


def test_a_model_that_is_not_here_is_an_error_as_everywhere(make):
    with pytest.raises(ModelUnavailable):
        make(FakeEngine(missing=["VGG-Face"])).run("VGG-Face")
