"""A weight file that is not what it should be is not loaded."""

import pytest

from core.exceptions import LivenessUnavailable, ModelUnavailable
from services.deepface.engine import DeepFaceEngine
from services.models.catalogue import catalogue
from services.models.weights import Weights


@pytest.fixture
def engine(deepface_home, tmp_path):
    return DeepFaceEngine(Weights(tmp_path), lanes=1, cores=1)


@pytest.mark.parametrize(
    ("name", "error"), [("SFace", ModelUnavailable), ("ArcFace", ModelUnavailable), ("MiniFASNet", LivenessUnavailable)]
)
def test_a_file_that_is_not_as_published_or_recorded_names_what_was_expected_and_found(engine, tmp_path, name, error):
    weights, model = Weights(tmp_path), catalogue.find(name)
    for content in (b"as it was", b"as it is!"):
        for file in model.files:
            weights.path(file).parent.mkdir(parents=True, exist_ok=True)
            weights.path(file).write_bytes(content)
        weights.problems(model)
    with pytest.raises(error, match=f"{name} has wrong weights: .*expected .*, found .* fetch {name}$") as caught:
        engine.load(name)
    assert [line.partition(":")[0] for line in caught.value.details["wrong_files"]] == [f.name for f in model.files]
    assert str(tmp_path) not in caught.value.message
    assert not engine.is_loaded(name)


def test_what_is_loaded_says_so(engine):
    assert not engine.is_loaded("opencv")
    engine.load("opencv")
    assert engine.is_loaded("opencv")
