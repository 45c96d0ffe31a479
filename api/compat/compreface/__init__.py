"""CompreFace: subjects, faces, recognition, detection, verification, and the same with embeddings."""

from api.compat.compreface import embeddings, faces, images, recognition, subjects
from api.compat.compreface.door import DOOR, STATIC_DOOR

__all__ = ["DOOR", "STATIC_DOOR", "embeddings", "faces", "images", "recognition", "subjects"]
