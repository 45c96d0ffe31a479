"""The use case behind /find: look up faces in a folder of photos."""

import math
import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from core.exceptions import ServiceUnavailable
from core.metrics.decisions import count_decision
from core.metrics.stages import stage
from core.nearest import nearest
from schemas.find import FindRequest, FindResponse, FoundPhoto
from services.audit.events import Event
from services.audit.recorder import EventLog, new_event
from services.deepface.interface import Engine
from services.faces.confidence import confidence
from services.faces.liveness import liveness_keys
from services.faces.options import Defaults
from services.faces.plan import EmbeddingPlan
from services.faces.reader import DetectedFace, FaceReader
from services.find.index import FolderIndex
from services.find.indexer import FolderIndexer
from services.find.photo_files import NO_FOLDER, photo_id_of


class FindService:
    """Compares the faces of an image with every face of the folder's photos."""

    def __init__(
        self,
        *,
        engine: Engine,
        reader: FaceReader,
        indexer: FolderIndexer,
        defaults: Defaults,
        folder: str,
        relative_identities: bool,
        names_persons: bool = True,
        log: EventLog,
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._indexer = indexer
        self._defaults = defaults
        self._folder = folder
        self._relative_identities = relative_identities
        self._names_persons = names_persons
        self._log = log

    def find(self, request: FindRequest) -> FindResponse:
        """For each face of the image, the faces of the folder within the threshold, nearest first.

        Ties are ordered by identity. With `similarity_search`, faces beyond the threshold follow, and no
        threshold is needed. Photos without a face never appear. The decisions are recorded asynchronously.

        Raises:
            ServiceUnavailable: no folder is configured.
            ValidationFailed: as `FolderIndexer.require_allowed`.
            FolderNotFound, IndexBuilding: as `FolderIndexer.current`.
            Others as `FaceReader.faces`.
        """
        if not self._folder:
            raise ServiceUnavailable(NO_FOLDER)
        searches = request.similarity_search
        plan = self._defaults.embedding_plan(request) if searches else self._defaults.decision_plan(request)
        key = self._indexer.key(plan.detection.detector, plan.space)
        self._indexer.require_allowed(key, request.model_fields_set)
        faces, embeddings = self._reader.embedded(request.img, "img", plan)
        index, pending = self._indexer.current(key, wait_for_changes=request.refresh == "wait")
        within = None if searches else plan.threshold
        with stage("search", plan.space.model):
            result = [
                [
                    self._found(index, row, read, self._verdict(plan, distance))
                    for row, distance in _nearest(index, probe, plan.metric, within=within, k=request.k)
                    if searches or plan.decides_about(is_detected=read.is_detected)
                ]
                for read, probe in zip(faces, embeddings, strict=True)
            ]
        self._log.keep(*_events(plan, result))
        return FindResponse(
            faces_queried=len(faces),
            pending=pending,
            threshold_source=None if plan.limit is None else plan.limit.source,
            result=result,
            faces_truncated=faces.truncated,
        )

    def _verdict(self, plan: EmbeddingPlan, distance: float) -> dict[str, float | None]:
        """The response fields for a distance. Without a threshold there is no confidence either."""
        if plan.limit is None:
            return {"distance": distance, "threshold": None, "confidence": None}
        return {
            "distance": distance,
            "threshold": plan.threshold,
            "confidence": confidence(distance, plan, self._engine),
        }

    def _found(self, index: FolderIndex, row: int, read: DetectedFace, verdict: dict[str, float | None]) -> FoundPhoto:
        name = index.name(row)
        person, slash, _ = name.partition("/")
        x, y, w, h = index.boxes[row].tolist()
        source = read.face.area
        return FoundPhoto(
            identity=name if self._relative_identities else os.path.join(self._folder, name),
            photo_id=photo_id_of(name),
            person=person if slash and self._names_persons else None,
            **verdict,
            target_x=x,
            target_y=y,
            target_w=w,
            target_h=h,
            source_x=source.x,
            source_y=source.y,
            source_w=source.w,
            source_h=source.h,
            **liveness_keys(read.liveness),
        )


def _nearest(
    index: FolderIndex, probe: npt.NDArray[np.float64], metric: str, *, within: float | None, k: int | None
) -> Iterable[tuple[int, float]]:
    """The rows for the response with their distances, nearest first. Equal distances are in the order of the names."""
    if not len(index.embeddings):
        return ()
    rows, distances = nearest(probe, (index.embeddings, index.lengths), metric, within=within, k=k)
    return zip(rows.tolist(), distances.tolist(), strict=True)


def _events(plan: EmbeddingPlan, result: list[list[FoundPhoto]]) -> list[Event]:
    """The decision about each face. The paths of photos are left out, because they may contain names of people."""
    about: dict[str, Any] = {
        "model": plan.space.model,
        "similarity_metric": plan.metric,
        "threshold": None if plan.limit is None else plan.limit.value,
    }
    events = []
    for rows in result:
        within = 0 if plan.limit is None else sum(row.distance <= plan.limit.value for row in rows)
        # JSON cannot represent an infinite or undefined distance.
        distance = rows[0].distance if rows and math.isfinite(rows[0].distance) else None
        outcome = "match" if within else "unknown"
        count_decision(outcome, model=plan.space.model, metric=plan.metric, distance=distance)
        events.append(new_event("find", outcome, **about, distance=distance, photos=within))
    return events
