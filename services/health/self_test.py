"""Tests that each model still gives its first answer to a drawn image and its negative."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from core.metrics.definitions import SELF_TEST_CHANGED
from core.shared_json import Damaged, SharedJson
from schemas.service import SelfTestOutcome
from services.deepface.interface import Detection, Engine, Face, Pixels
from services.health.drawn_face import FACE, SIDE_PX, draw_face
from services.models.catalogue import catalogue
from services.models.catalogue.types import Model, Task

logger = logging.getLogger(__name__)

ACCEPT = "face-service doctor --accept"

# Largest distance between two equal answers. Embeddings are scaled to length 1, boxes to the image's side, percent and
# years to a hundredth. 0.005 is a cosine distance of 0.00001; 0.02 is 5 pixels, 2 percent or 2 years. Dlib's answers on
# one thread and on two are identical. On dlib and on ONNX Runtime they agree to the fifth digit. 100 flipped bits in
# its file give 0.009.
TOLERANCE: Mapping[Task, float] = {"recognition": 0.005, "detection": 0.02, "attribute": 0.02, "liveness": 0.02}

# A recognition model is blind if its answers to the image and to its negative are no farther apart than this.
_BLIND = 1e-6

_Answer = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestResult:
    """The result of testing one model.

    `milliseconds` is the time of an inference after the first; None if there is none. `distance` is the distance from
    the stored answer; None if there is none. `message` states the problem and what to do.
    """

    model: str
    outcome: SelfTestOutcome
    milliseconds: float | None = None
    distance: float | None = None
    message: str = ""

    @property
    def passed(self) -> bool:
        """Whether the model passed."""
        return self.outcome in ("first answer", "same answer")


class SelfTest:
    """Tests models with a drawn image. Safe to use from several threads and processes at once.

    `answers` stores the first answer of a model on a `runtime` (the framework and its device), with the digests of the
    weights and the `versions` of the packages. Later answers are compared with it, whatever has changed since.
    """

    def __init__(self, *, engine: Engine, answers: SharedJson, runtime: str, versions: Mapping[str, str]) -> None:
        self._engine = engine
        self._answers = answers
        self._runtime = runtime
        self._versions = dict(versions)
        self._picture = draw_face()
        self._results: dict[str, SelfTestResult] = {}

    @property
    def results(self) -> Mapping[str, SelfTestResult]:
        """The latest result of each tested model, by its name in the catalogue."""
        return dict(self._results)

    def result(self, name: str) -> SelfTestResult | None:
        """Return the latest result of the catalogue's model `name`; None if it was not tested."""
        return self._results.get(name)

    def run(self, name: str, *, accept: bool = False) -> SelfTestResult:
        """Test a model and return the result. Stores the answer if it is the first one, or with `accept` replaces it.

        Raises:
            ModelUnavailable, LivenessUnavailable: the errors of `Engine.load`.
        """
        model = catalogue.find(name)
        result = self._results[model.name] = self._result(model, accept=accept)
        SELF_TEST_CHANGED.labels(model.name).set(result.outcome == "changed answer")
        if not result.passed:
            logger.error("self-test: %s", result.message, extra={"part": model.name, "distance": result.distance})
        return result

    def _result(self, model: Model, *, accept: bool) -> SelfTestResult:
        negative = self._answer(model, 255 - self._picture)  # first: a first inference may allocate and compile
        started = time.perf_counter()
        positive = self._answer(model, self._picture)
        milliseconds = round((time.perf_counter() - started) * 1000, 1)

        def result(outcome: SelfTestOutcome, message: str = "", distance: float | None = None) -> SelfTestResult:
            return SelfTestResult(
                model=model.name, outcome=outcome, milliseconds=milliseconds, distance=distance, message=message
            )

        answer = np.concatenate([positive, negative])
        is_blind = model.task == "recognition" and _distance(positive, negative) <= _BLIND
        if not np.isfinite(answer).all() or is_blind:
            return result(
                "no answer", f"{model.name} gives no usable answer: its weights are damaged or wrong. Fetch them again."
            )
        now = {
            "weights": self._engine.fingerprint([model.name]),
            "versions": self._versions,
            "answer": answer.tolist(),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            kept = self._kept(model, now, accept=accept)
        except Damaged:
            return result(
                "no answer", f"The file of the self-test's answers is damaged. To create it anew, run: {ACCEPT}"
            )
        except OSError as error:
            return result("no answer", f"The self-test's answers cannot be stored in DATA_PATH: {error.strerror}.")
        if kept is None:
            return result("first answer")
        distance = _distance(answer, np.array(kept["answer"], np.float64))
        if distance <= TOLERANCE[model.task]:
            return result("same answer", distance=round(distance, 6))
        return result("changed answer", _changed(model, now, kept), distance if np.isfinite(distance) else None)

    def _kept(self, model: Model, now: dict[str, Any], *, accept: bool) -> dict[str, Any] | None:
        """Return the answer to compare with; None if `now` was stored, as the first answer or with `accept`."""
        kept = None if accept else self._found(self._answers.read(), model)
        if kept is not None:
            return kept
        with self._answers.changing(anew=accept) as answers:
            kept = None if accept else self._found(answers, model)  # another process may have stored one first
            if kept is None:
                others = answers.get(model.name)
                answers[model.name] = {**(others if isinstance(others, dict) else {}), self._runtime: now}
        return kept

    def _found(self, answers: dict[str, Any], model: Model) -> dict[str, Any] | None:
        of_model = answers.get(model.name, {})
        found = of_model.get(self._runtime) if isinstance(of_model, dict) else of_model
        if found is not None and not (isinstance(found, dict) and isinstance(found.get("answer"), list)):
            raise Damaged("the stored answer has another form")
        return found

    def _answer(self, model: Model, picture: Pixels) -> _Answer:
        """Return the model's answer to the image, as numbers of about 1."""
        if model.task == "recognition":
            embedding = self._engine.embed([picture], model=model.name, normalization="base")[0]
            return np.asarray(embedding / (np.linalg.norm(embedding) or 1))
        if model.task == "detection":
            how = Detection(detector=model.name, enforce=False)  # DeepFace's own search, because no setting changes it
            return _boxes(self._engine.detect(picture, how))
        if model.task == "attribute":
            face = Face(area=FACE, confidence=1, crop=picture, found=FACE)
            return _percentages(self._engine.attributes(picture, [face], [model.name])[0])
        return np.array([score.probability for score in self._engine.liveness(picture, [FACE])])


def _boxes(faces: list[Face]) -> _Answer:
    rows = sorted((f.area.x, f.area.y, f.area.w, f.area.h, f.confidence * SIDE_PX) for f in faces)
    return np.array(rows, np.float64).reshape(-1) / SIDE_PX


def _percentages(attributes: Mapping[str, Any]) -> _Answer:
    values = [attributes["age"]] if "age" in attributes else []
    for name in sorted(attributes):
        if isinstance(attributes[name], dict):
            values += [attributes[name][label] for label in sorted(attributes[name])]
    return np.array(values, np.float64) / 100


def _distance(answer: _Answer, other: _Answer) -> float:
    """Return the Euclidean distance; infinite between answers of different lengths, such as one face and two."""
    return float(np.linalg.norm(answer - other)) if answer.shape == other.shape else float("inf")


def _changed(model: Model, now: Mapping[str, Any], kept: Mapping[str, Any]) -> str:
    weights = "other weights" if kept.get("weights") != now["weights"] else "the same weights"
    versions = "other versions of its packages" if kept.get("versions") != now["versions"] else "the same packages"
    return (
        f"{model.name} gives a changed answer, with {weights} and {versions}. Older embeddings may not match new ones."
        f" Restore the old weights and packages, or accept the change. Run: {ACCEPT}"
    )
