"""Whether a face is a live one: one rule for one image and for the frames of a capture."""

from collections.abc import Sequence

from services.deepface.interface import LivenessScore


def judged(scores: Sequence[LivenessScore], threshold: float) -> LivenessScore:
    """The verdict over all `scores`, of which there is one for an image and one per frame for a capture.

    The probability is their mean. The face is real if that is at least `threshold` (0 to 1), and more than half of the
    scores say so.
    """
    probability = sum(score.probability for score in scores) / len(scores)
    real = sum(score.is_real for score in scores)
    return LivenessScore(is_real=2 * real > len(scores) and probability >= threshold, probability=probability)


def is_spoof(score: LivenessScore | None) -> bool:
    """Whether liveness was judged, and failed."""
    return score is not None and not score.is_real
