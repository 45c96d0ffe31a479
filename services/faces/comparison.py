"""The use case behind /compare: compare a face or an embedding with embeddings from the client."""

import numpy as np
import numpy.typing as npt

from core.distances import distances, similarity
from core.exceptions import NoFaceDetected, ValidationFailed
from core.metrics.decisions import count_decision
from schemas.compare import Compared, CompareRequest, CompareResponse, Source, Target
from services.faces.options import Defaults
from services.faces.plan import EmbeddingPlan
from services.faces.reader import FaceReader, facial_area
from services.models.catalogue import catalogue


class ComparisonService:
    """Compares embeddings without storing them."""

    def __init__(self, *, reader: FaceReader, defaults: Defaults) -> None:
        self._reader = reader
        self._defaults = defaults

    def compare(self, request: CompareRequest) -> CompareResponse:
        """The distance from the source to every target.

        Raises:
            ValidationFailed: an embedding has the wrong length for the model, or the image has no face `face_index`.
            Others as `FaceReader.faces`.
        """
        targets = request.target_vectors or [Target(vector=request.target_vector or [])]
        plan = self._defaults.decision_plan(request)
        _require_dimension(request, targets, plan.space.model)
        source, probe = self._source(request, plan)
        metric, threshold = plan.metric, plan.threshold
        found = distances(probe[None], np.array([target.vector for target in targets]), metric)[0].tolist()
        results = [
            Compared(
                index=index,
                id=target.id,
                distance=distance,
                similarity=similarity(distance, metric),
                verified=distance <= threshold,
            )
            for index, (target, distance) in enumerate(zip(targets, found, strict=True))
        ]
        best = min(results, key=lambda result: result.distance)
        decision = "match" if best.verified else "no_match"
        count_decision(decision, model=plan.space.model, metric=metric, distance=best.distance)
        return CompareResponse(
            model=plan.space.model,
            distance_metric=metric,
            threshold=threshold,
            threshold_source=plan.threshold_source,
            source=source,
            results=results,
            best=best,
        )

    def _source(self, request: CompareRequest, plan: EmbeddingPlan) -> tuple[Source, npt.NDArray[np.float64]]:
        if request.source_vector is not None:
            return Source(type="vector"), np.array(request.source_vector)
        assert request.img is not None, "a request has img or source_vector"
        faces, embeddings = self._reader.embedded(request.img, "img", plan)
        if not faces:
            raise NoFaceDetected(field="img")
        largest = int(np.argmax([read.face.area.w * read.face.area.h for read in faces]))
        chosen = largest if request.face_index is None else request.face_index
        if chosen >= len(faces):
            raise ValidationFailed.of("face_index", f"The image has {len(faces)} faces; the first is 0")
        area = facial_area(faces[chosen].face.area)
        return Source(type="image", face_index=chosen, facial_area=area), embeddings[chosen]


def _require_dimension(request: CompareRequest, targets: list[Target], model: str) -> None:
    dimension = catalogue.find(model).dim
    field = "target_vectors" if request.target_vectors else "target_vector"
    given = [(field, target.vector) for target in targets] + [("source_vector", request.source_vector)]
    for name, vector in given:
        if vector is not None and len(vector) != dimension:
            raise ValidationFailed.of(name, f"Got {len(vector)} numbers; send {dimension} for {model}")
