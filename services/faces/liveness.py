"""The rule that decides whether a face is live, for one image and for the frames of a capture."""

from collections.abc import Sequence
from typing import Any

from services.deepface.interface import LivenessScore


def combine_liveness(scores: Sequence[LivenessScore], threshold: float) -> LivenessScore:
    """The verdict over all `scores`: one score for an image, one per frame for a capture.

    The probability is the mean of the scores. The face is real if the probability is at least `threshold` (0 to 1) and
    more than half of the scores are real.
    """
    probability = sum(score.probability for score in scores) / len(scores)
    real = sum(score.is_real for score in scores)
    return LivenessScore(is_real=2 * real > len(scores) and probability >= threshold, probability=probability)


def is_spoof(score: LivenessScore | None) -> bool:
    """Whether liveness was judged and failed."""
    return score is not None and not score.is_real


def liveness_keys(score: LivenessScore | None, prefix: str = "") -> dict[str, Any]:
    """The liveness keys of a face in the response; empty if liveness was not judged."""
    if score is None:
        return {}
    return {f"{prefix}is_real": score.is_real, f"{prefix}antispoof_score": score.probability}
