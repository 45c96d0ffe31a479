"""Every metric of the service: its name, help, labels with their possible values, and how workers' values combine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from core.exceptions import ServiceUnavailable, StorageFull

disable_created_metrics()  # a second series for each one, which the values of several workers do not have

Mode = Literal["livesum", "liveall", "livemin", "livemax"]

# The series of this process. With several workers, the values of all are in files, and this registry is not exposed.
REGISTRY = CollectorRegistry()

_MODEL = "A model of the catalogue"
_METHODS = "The method of RFC 9110, or `_OTHER`"
_SCHEMES = "`http` or `https`"

# Bounds of OpenTelemetry's `http.server.request.duration`; those of stages begin at a millisecond.
_HTTP_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_STAGE_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_FACES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

# Thresholds of cosine distances are 0.04 to 0.7, those of Euclidean ones 0.6 to 30.
_DISTANCES = (0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 2, 5, 10, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A metric, for people. `labels` has the possible values of each label, in words.

    `over_workers` is how the values of several workers become one: `sum`, a mode of prometheus-client for a gauge, or
    `read` if the value is that of the whole service, read when it is asked for. `bounds` are those of a histogram.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: Mapping[str, str]
    over_workers: Mode | Literal["sum", "read"]
    bounds: tuple[float, ...]


METRICS: list[Description] = []


def _describe(
    kind: Literal["counter", "gauge", "histogram"],
    name: str,
    help_: str,
    labels: Mapping[str, str] | None,
    *,
    over_workers: Mode | Literal["sum", "read"] = "sum",
    bounds: tuple[float, ...] = (),
) -> tuple[str, str, list[str]]:
    """Note the metric in METRICS; returns name, help and the names of its labels, as prometheus-client takes them."""
    METRICS.append(
        Description(name=name, kind=kind, help=help_, labels=labels or {}, over_workers=over_workers, bounds=bounds)
    )
    return name, help_, list(labels or {})


def _counter(name: str, help_: str, labels: Mapping[str, str] | None = None) -> Counter:
    return Counter(*_describe("counter", name, help_, labels), registry=REGISTRY)


def _gauge(name: str, help_: str, mode: Mode, labels: Mapping[str, str] | None = None) -> Gauge:
    return Gauge(*_describe("gauge", name, help_, labels, over_workers=mode), registry=REGISTRY, multiprocess_mode=mode)


def _histogram(name: str, help_: str, bounds: tuple[float, ...], labels: Mapping[str, str] | None = None) -> Histogram:
    described = _describe("histogram", name, help_, labels, bounds=bounds)
    return Histogram(*described, registry=REGISTRY, buckets=bounds)


def _read(name: str, help_: str, labels: Mapping[str, str] | None = None) -> str:
    return _describe("gauge", name, help_, labels, over_workers="read")[0]


REQUEST_DURATION = _histogram(
    "http_server_request_duration_seconds",
    "Seconds from the headers of a request to its answer. The name, bounds and labels are those of OpenTelemetry.",
    _HTTP_S,
    {
        "http_request_method": _METHODS,
        "url_scheme": _SCHEMES,
        "network_protocol_version": "`1.0`, `1.1` or `_OTHER`",
        "http_route": "The path as it is declared, such as `/persons/<person_id>`. Empty for an unknown path",
        "http_response_status_code": "The HTTP status",
        "error_type": "The `error_code` of an answer with status 500 or more, else empty",
    },
)
ACTIVE_REQUESTS = _gauge(
    "http_server_active_requests",
    "Requests that are being answered.",
    "livesum",
    {"http_request_method": _METHODS, "url_scheme": _SCHEMES},
)
STAGE_DURATION = _histogram(
    "face_stage_duration_seconds",
    "Seconds of a stage of a request, without the stages inside it. Waiting for a lane is not part of any stage.",
    _STAGE_S,
    {
        "stage": "`fetch`, `decode`, `detect`, `align`, `embed`, `analyze`, `liveness`, `search` or `store`",
        "model": f"{_MODEL}, or empty for a stage without one",
    },
)
QUEUE_WAIT = _histogram(
    "face_queue_wait_seconds", "Seconds that an image of a request waited for a lane. 0 if one was free.", _STAGE_S
)
QUEUE_LENGTH = _gauge("face_queue_length", "Images of requests that wait for a lane.", "livesum")
LANES_BUSY = _gauge("face_lanes_busy", "Lanes in use, by requests and by builds of an index.", "livesum")
LANES = _gauge("face_lanes", "Lanes of all workers.", "livesum")
BATCH_FACES = _histogram("face_batch_faces", "Faces in one pass through a model.", _FACES)
REJECTIONS = _counter(
    "face_rejections_total",
    "Requests answered with an error.",
    {"error_code": "A code of the [errors](errors.md)"},
)
FACES = _counter(
    "face_faces_total",
    "Faces found.",
    {"operation": "The last part of a route's name, such as `verify`; or `index` for photos of the folder"},
)
DECISIONS = _counter(
    "face_decisions_total",
    "Decisions about faces: of /verify and /compare one each, else one for each face of the image.",
    {"decision": "`match` or `no_match` of a pair; `match`, `ambiguous` or `unknown` of a search"},
)
MATCH_DISTANCE = _histogram(
    "face_match_distance",
    "Distance to the nearest face that was decided about. Smaller is closer.",
    _DISTANCES,
    {
        "model": _MODEL,
        "metric": "`cosine`, `euclidean`, `euclidean_l2` or `angular`",
        "decision": "As of `face_decisions_total`",
    },
)
QUALITY_FINDINGS = _counter(
    "face_quality_findings_total",
    "Why faces were not good enough, when an image was registered, identified or judged.",
    {"reason": "A reason of /quality, such as `blurred`"},
)
MODEL_LOAD = _gauge("face_model_load_seconds", "Seconds that a model took to load.", "livemax", {"model": _MODEL})
MODEL_READY = _gauge(
    "face_model_ready",
    "1 if every worker has loaded and tested this model of PRELOAD_MODELS, else 0.",
    "livemin",
    {"model": _MODEL},
)
SELF_TEST_CHANGED = _gauge(
    "face_self_test_changed",
    "1 if the model answers the self-test otherwise than at first, else 0.",
    "livemax",
    {"model": _MODEL},
)
STORE_DURATION = _histogram(
    "face_store_duration_seconds",
    "Seconds of a transaction of the database, of requests and in the background.",
    _STAGE_S,
    {"operation": "`read` or `write`"},
)
STORE_ERRORS = _counter(
    "face_store_errors_total",
    "Transactions that the database did not answer or had no room for.",
    {"error_code": "`service_unavailable` or `storage_full`"},
)
for _code in (ServiceUnavailable.code, StorageFull.code):  # an alert sees no increase to the first value of a series
    STORE_ERRORS.labels(_code)
AUDIT_LOST = _counter("face_audit_lost_total", "Audit events that were not recorded, because too many waited.")
APP_INFO = _gauge(
    "face_app_info",
    "Always 1. Its labels describe the service.",
    "livemax",
    {
        "version": "The version of the service",
        "model": "The default recognition model",
        "detector": "The default detector",
        "runtime": "`INFERENCE_RUNTIME`",
        "database": "`sqlite` or `postgresql`",
    },
)
RESIDENT = _gauge(
    "face_worker_resident_bytes",
    "Resident memory of a worker, after its latest request. With several workers, `pid` is the worker's process.",
    "liveall",
)

# Of the photo folder's permanent indexes: the default one, and those that commands made.
_INDEX = {"index": "The name of an index, as in FIND_SPACES"}
INDEX_PHOTOS = _read("face_index_photos", "Photos in the index.", _INDEX)
INDEX_PENDING = _read(
    "face_index_pending", "Photos whose change is not in the index yet. Known once a request used the index.", _INDEX
)
INDEX_AGE = _read("face_index_age_seconds", "Seconds since the index was written.", _INDEX)
GALLERY_FACES = _read("face_gallery_faces", "Faces in the gallery.")
GALLERY_PERSONS = _read("face_gallery_persons", "Persons in the gallery.")
AUDIT_UNSEALED = _read("face_audit_unsealed", "Recorded audit events that are not sealed yet.")
