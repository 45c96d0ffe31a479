"""Errors of the server: it is not configured, not ready, at capacity, or it failed."""

from core.exceptions.base import ServiceError


class FolderNotFound(ServiceError):
    """Raised when FACES_DB_PATH is set but is not a folder."""

    status = 400
    code = "db_not_found"
    default_message = "The folder FACES_DB_PATH does not exist. Create it or correct the setting."
    remedy = "Create the folder, or correct FACES_DB_PATH."


class LivenessUnavailable(ServiceError):
    """Raised when the request sets anti_spoofing and the liveness weights are missing."""

    status = 412
    code = "liveness_unavailable"
    remedy = "Run: face-service weights fetch MiniFASNet"


class ServiceUnavailable(ServiceError):
    """Raised when a required part is not configured, or the database does not answer."""

    status = 503
    code = "service_unavailable"
    remedy = "Follow the message. If it is the database, retry later."


class ModelUnavailable(ServiceError):
    """Raised when a model's weights or package are missing, or its answer has changed; names the command to run."""

    status = 503
    code = "model_unavailable"
    remedy = "Run the command in the message."


class ModelLoading(ServiceError):
    """Raised while the models of PRELOAD_MODELS are loading."""

    status = 503
    code = "model_loading"
    default_message = "The models are still loading. Retry later. GET /ready lists them."


class IndexBuilding(ServiceError):
    """Raised when the folder has no complete index yet; details show the progress."""

    status = 503
    code = "index_building"
    default_message = "The index of the photo folder is being built. Retry later."
    remedy = "Retry later, or run before: face-service index build"


class Overloaded(ServiceError):
    """Raised when QUEUE_MAX requests or QUEUE_MAX_BYTES of bodies wait, or too many callers fetch image URLs."""

    status = 503
    code = "overloaded"
    default_message = "The server is at capacity. Retry later."
    remedy = "Retry later. If it is often so, add cores or machines."


class DeadlineExceeded(ServiceError):
    """Raised when a request took longer than REQUEST_TIMEOUT_S; the rest of its work was not started."""

    status = 503
    code = "deadline_exceeded"
    default_message = "The request took too long and was stopped. Retry later."


class StorageFull(ServiceError):
    """Raised when the disk of the database is full; nothing was changed."""

    status = 507
    code = "storage_full"
    default_message = "The disk of the database is full. Nothing was changed. Free disk space and retry."
    remedy = "Free disk space and retry."


class DeepFaceError(ServiceError):
    """Raised when DeepFace fails and no other code applies; the log has the traceback."""

    status = 500
    code = "deepface_error"
    default_message = "The face engine failed on this request. See the server log."


class InternalError(ServiceError):
    """Raised for every unexpected error; the log has the traceback."""

    status = 500
    code = "internal_error"
    default_message = "The server failed on this request. See the server log."
