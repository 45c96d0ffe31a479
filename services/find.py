"""The use-case of looking a face up in a folder of photos."""

import os
from collections.abc import Callable

from core.exceptions import ServiceUnavailable
from schemas.faces import FindRequest, FindResponse, FoundPhoto
from services.comparison import Distances, distances
from services.engine.base import Engine
from services.faces import liveness_keys
from services.indexing import FolderIndexer
from services.options import Defaults
from services.reading import FaceReader, ReadFace
from services.stores.base import FolderIndex, IndexKey


class FindService:
    """Compares the faces of a query with every face of the folder's photos."""

    def __init__(
        self,
        *,
        engine: Engine,
        reader: FaceReader,
        indexer: FolderIndexer,
        defaults: Defaults,
        folder: str,
        relative_identities: bool,
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._indexer = indexer
        self._defaults = defaults
        self._folder = folder
        self._relative_identities = relative_identities

    def find(self, request: FindRequest) -> FindResponse:
        """For each face of the query, the faces of the folder within the threshold, nearest first.

        Ties are ordered by identity. With `similarity_search` those beyond the threshold follow; the threshold itself
        and the confidence stay the model's. Photos without a face never appear.

        Raises:
            ServiceUnavailable: no folder is configured.
            FolderNotFound, IndexBuilding: as `FolderIndexer.current`.
            Others as `FaceReader.faces`.
        """
        if not self._folder:
            raise ServiceUnavailable("This server has no photo folder: FACES_DB_PATH is not set.")
        faces, embeddings = self._reader.embedded(request.img, "img", request)
        index, pending = self._indexer.current(self._key(request), wait_for_changes=request.refresh == "wait")
        if not index.names:
            return FindResponse(faces_queried=len(faces), pending=pending, result=[[] for _ in faces])
        judge = self._judge(request)
        rows = distances(embeddings, index.embeddings, self._defaults.metric_of(request))
        result = [
            [self._found(index, row, read, judge(float(near[row]))) for row in self._chosen(request, near)]
            for read, near in zip(faces, rows, strict=True)
        ]
        return FindResponse(faces_queried=len(faces), pending=pending, result=result)

    def _key(self, request: FindRequest) -> IndexKey:
        detector, space = self._defaults.detection_of(request).detector, self._defaults.space_of(request)
        return IndexKey(
            folder=os.path.abspath(self._folder),
            detector=detector,
            space=space,
            weights=self._engine.fingerprint([detector, space.model]),
        )

    def _chosen(self, request: FindRequest, near: Distances) -> list[int]:
        """The rows to answer with, nearest first; equal distances keep the index's order, which is by name."""
        order = near.argsort(kind="stable")
        if not request.similarity_search:
            order = order[near[order] <= self._defaults.threshold_of(request)]
        return [int(row) for row in order[: request.k]]

    def _judge(self, request: FindRequest) -> Callable[[float], dict[str, float]]:
        """What an answer says of a distance."""
        model, metric = self._defaults.space_of(request).model, self._defaults.metric_of(request)
        threshold = self._defaults.threshold_of(request)

        def judge(distance: float) -> dict[str, float]:
            verified = distance <= threshold
            confidence = self._engine.confidence(distance, model=model, metric=metric, verified=verified)
            return {"distance": distance, "threshold": threshold, "confidence": confidence}

        return judge

    def _found(self, index: FolderIndex, row: int, read: ReadFace, verdict: dict[str, float]) -> FoundPhoto:
        name = index.names[row]
        person, slash, _ = name.partition("/")
        x, y, w, h = index.boxes[row].tolist()
        source = read.face.area
        return FoundPhoto(
            identity=name if self._relative_identities else os.path.join(self._folder, name),
            person=person if slash else None,
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
