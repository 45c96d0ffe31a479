import pytest

from services.deepface.interface import LivenessScore
from services.faces.liveness import combine_liveness, is_spoof

REAL, UNSURE, SPOOF = LivenessScore(True, 0.9), LivenessScore(True, 0.45), LivenessScore(False, 0.2)


@pytest.mark.parametrize(
    ("score", "threshold", "is_real"),
    [(REAL, 0.5, True), (REAL, 0.9, True), (REAL, 0.91, False), (UNSURE, 0.5, False), (UNSURE, 0, True),
     (SPOOF, 0, False)],
)  # fmt: skip
def test_a_face_is_real_if_it_reaches_the_threshold_and_the_networks_say_so(score, threshold, is_real):
    assert combine_liveness([score], threshold) == LivenessScore(is_real, score.probability)


@pytest.mark.parametrize(
    ("scores", "is_real"),
    [
        ([REAL, REAL, SPOOF], True),  # 0.67, two of three
        ([REAL, SPOOF], False),  # 0.55, but only half
        ([REAL, UNSURE, UNSURE], True),  # 0.6 though two of them alone would not do
        ([REAL, SPOOF, SPOOF], False),
        ([REAL, UNSURE, SPOOF], True),  # 0.52
        ([UNSURE, UNSURE, SPOOF], False),  # 0.37
    ],
)
def test_frames_are_judged_by_their_mean_and_their_majority(scores, is_real):
    verdict = combine_liveness(scores, 0.5)
    assert verdict.is_real is is_real
    assert verdict.probability == pytest.approx(sum(score.probability for score in scores) / len(scores))


def test_what_was_not_judged_is_no_spoof():
    assert not is_spoof(None)
    assert not is_spoof(REAL)
    assert is_spoof(SPOOF)
