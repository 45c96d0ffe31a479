"""Builds the services from the settings, once. A test may pass another engine."""

import os

from core import __version__
from core.images.folder import PhotoLister
from core.metrics.definitions import APP_INFO, LANES
from core.metrics.folder import metrics_folder
from core.process import installed_versions, runtime_name
from core.settings import Settings
from core.shared_json import SharedJson
from services.access.administration import KeyAdministration, LimitService
from services.access.admission import Admission, BodyBudget
from services.access.counters import RateCounters
from services.access.fetches import FetchService
from services.access.keys import KeyService
from services.audit.trail import AuditService
from services.audit.verifications import VerificationService
from services.backup.creation import CreationService
from services.backup.restoration import RestorationService
from services.bootstrap.services import (
    AccessServices,
    AuditServices,
    BackupServices,
    FaceServices,
    FindServices,
    GalleryServices,
    HealthServices,
    ModelServices,
    Services,
)
from services.bootstrap.shared import Shared, make_shared
from services.deepface.interface import Engine
from services.faces.comparison import ComparisonService
from services.faces.pictures import PictureService
from services.faces.quality import QualityService
from services.faces.service import FaceService
from services.find.indexer import FolderIndexer
from services.find.indexes import IndexService
from services.find.photo_files import PhotoFileService
from services.find.photos import PhotoEmbedder
from services.find.policy import IndexPolicy
from services.find.service import FindService
from services.gallery.archive.writer import GalleryFileService
from services.gallery.crops import CropService
from services.gallery.identification import IdentificationService
from services.gallery.imports.enrolment import EnrolmentService
from services.gallery.imports.sources import ImportSources
from services.gallery.maintenance import KeyRotationService
from services.gallery.owner_table import OwnerTable
from services.gallery.person_lock import FailedAttempts, PersonLock
from services.gallery.persons import PersonService
from services.gallery.reapplication import ReapplicationService
from services.gallery.registration import GalleryService
from services.gallery.store.reencryption import FaceReencryption
from services.gallery.table_copy import FaceSource, TableCopyService
from services.health.doctor import Doctor
from services.health.figures import Figures
from services.health.readiness import ReadinessService
from services.health.self_test import SelfTest
from services.models.catalogue import catalogue
from services.models.manager import AutoFetch, ModelService
from services.models.overview import ModelOverview
from services.preflight import (
    build_keys,
    photo_folder_problem,
)


def build_services(settings: Settings, *, engine: Engine | None = None) -> Services:
    """Return the services for these settings; `engine` replaces DeepFace.

    Raises:
        SettingsError: a default, a model to preload or an index of FIND_SPACES does not exist, or GALLERY_KEY does not
            decrypt an index.
    """
    shared = make_shared(settings, engine)
    access = _access(shared)
    models = ModelService(weights=shared.weights, licenses=shared.defaults.licenses)
    find = _find(shared)
    health = _health(shared, access.keys, models, find)
    _describe_service(shared)
    return Services(
        settings=settings,
        access=access,
        faces=_faces(shared),
        find=find,
        gallery=_gallery(shared),
        audit=_audit(shared),
        backup=_backup(shared),
        models=ModelServices(manager=models, overview=_overview(shared, health)),
        health=health,
    )


def _access(shared: Shared) -> AccessServices:
    settings, keys = shared.settings, build_keys(shared.settings, shared.database)
    return AccessServices(
        keys=keys,
        administration=KeyAdministration(keys=keys, log=shared.log),
        limits=LimitService(settings),
        admission=Admission(settings.lanes + settings.queue_max),
        bodies=BodyBudget(settings.queue_max_bytes),
        fetches=FetchService(policy=shared.policy, per_caller=settings.url_fetches, in_all=settings.url_fetches_in_all),
        counters=RateCounters.of(settings.rate_limit_storage, shared.database),
    )


def _faces(shared: Shared) -> FaceServices:
    reader, defaults = shared.reader, shared.defaults
    return FaceServices(
        service=FaceService(engine=shared.engine, reader=reader, frames=shared.frames, defaults=defaults),
        comparison=ComparisonService(reader=reader, defaults=defaults),
        quality=QualityService(reader=reader, defaults=defaults),
        pictures=PictureService(engine=shared.engine, policy=shared.policy),
    )


def _find(shared: Shared) -> FindServices:
    settings, defaults = shared.settings, shared.defaults
    folder = os.path.abspath(settings.faces_db_path) if settings.faces_db_path else ""
    indexer = FolderIndexer(
        engine=shared.engine,
        store=shared.index_store,
        embedder=PhotoEmbedder(engine=shared.engine, policy=shared.policy, max_faces=settings.max_faces),
        folder=folder,
        lanes=settings.lanes,
        batch_size=settings.batch_max_size,
        refresh_s=settings.faces_db_refresh_s,
        lister=PhotoLister(settings.find_skip),
        policy=IndexPolicy.of(settings.find_spaces, settings.find_spaces_max, defaults),
    )
    service = FindService(
        engine=shared.engine,
        reader=shared.reader,
        indexer=indexer,
        defaults=defaults,
        folder=settings.faces_db_path,
        relative_identities=settings.identity_paths == "relative",
        names_persons=settings.find_person == "folder",
        log=shared.log,
    )
    indexes = IndexService(indexer=indexer, store=shared.index_store, defaults=defaults, folder=folder)
    photos = PhotoFileService(
        engine=shared.engine, policy=shared.policy, folder=folder, lister=PhotoLister(settings.find_skip)
    )
    return FindServices(service=service, indexes=indexes, photos=photos)


def _gallery(shared: Shared) -> GalleryServices:
    settings, defaults, store = shared.settings, shared.defaults, shared.gallery_store
    registration = GalleryService(
        engine=shared.engine,
        frames=shared.frames,
        defaults=defaults,
        min_quality=settings.min_quality,
        store=store,
        log=shared.log,
    )
    lock = PersonLock(
        store=FailedAttempts(shared.database), most=settings.person_lock_misses, lock_s=settings.person_lock_s
    )
    return GalleryServices(
        registration=registration,
        identification=IdentificationService(
            engine=shared.engine,
            reader=shared.reader,
            frames=shared.frames,
            defaults=defaults,
            store=store,
            lock=lock,
            log=shared.log,
        ),
        persons=PersonService(store=store, log=shared.log),
        crops=CropService(store=store, policy=shared.policy),
        enrolment=EnrolmentService(
            gallery=registration,
            store=store,
            defaults=defaults,
            policy=shared.policy,
            lanes=settings.lanes,
        ),
        sources=ImportSources(defaults=defaults, policy=shared.policy, store=store, skip=settings.find_skip),
        archive=GalleryFileService(store=store, record=shared.record),
        table_copy=TableCopyService(
            source=FaceSource(shared.database),
            record=shared.record,
            open_table=OwnerTable,
            defaults=defaults,
            url=settings.database_url,
        ),
        maintenance=shared.maintenance,
        key_rotation=KeyRotationService(faces=FaceReencryption(shared.database)),
        reapplication=ReapplicationService(database=shared.database, log=shared.forgets, record=shared.record),
    )


def _audit(shared: Shared) -> AuditServices:
    store, log = shared.audit_store, shared.log
    return AuditServices(
        log=log,
        trail=AuditService(store=store),
        verifications=VerificationService(store=store, log=log, enabled=shared.settings.record_verifications),
    )


def _backup(shared: Shared) -> BackupServices:
    database, data_path = shared.database, shared.settings.data_path
    return BackupServices(
        creation=CreationService(database=database, data_path=data_path, record=shared.record),
        restoration=RestorationService(database=database, data_path=data_path, forgets=shared.forgets),
    )


def _health(shared: Shared, keys: KeyService, models: ModelService, find: FindServices) -> HealthServices:
    settings, defaults, engine = shared.settings, shared.defaults, shared.engine
    self_test = SelfTest(
        engine=engine,
        answers=SharedJson(settings.data_path / "self_test.json"),
        runtime=runtime_name(settings),
        versions=installed_versions(),
    )

    def ping() -> None:
        shared.index_store.ping()
        shared.gallery_store.ping()

    auto_fetch = AutoFetch(models=models, names=defaults.preload if settings.auto_fetch else ())
    readiness = ReadinessService(
        engine=engine,
        self_test=self_test,
        models=defaults.preload,
        ping_store=ping,
        photo_folder_problem=lambda: photo_folder_problem(settings),
        prepare=auto_fetch.prepare,
    )
    doctor = Doctor(
        settings=settings,
        defaults=defaults,
        engine=engine,
        weights=shared.weights,
        self_test=self_test,
        store=shared.gallery_store,
        database=shared.database,
        keys=keys,
        ping_data_path=shared.index_store.ping,
    )
    figures = Figures(
        store=shared.gallery_store,
        audit=shared.audit_store,
        indexes=find.indexes if settings.faces_db_path else None,
        folder=metrics_folder(),
    )
    return HealthServices(readiness=readiness, self_test=self_test, doctor=doctor, figures=figures)


def _describe_service(shared: Shared) -> None:
    """Set the metrics that do not change."""
    settings, defaults = shared.settings, shared.defaults
    database = shared.database.url.get_backend_name()
    detector = catalogue.find(defaults.detector).name
    APP_INFO.labels(
        __version__, catalogue.find(defaults.model).name, detector, settings.inference_runtime, database
    ).set(1)
    LANES.set(settings.lanes)


def _overview(shared: Shared, health: HealthServices) -> ModelOverview:
    return ModelOverview(
        weights=shared.weights,
        licenses=shared.defaults.licenses,
        preset=shared.settings.model_preset,
        is_loaded=shared.engine.is_loaded,
        is_ready=health.readiness.is_ready,
        self_tested=health.self_test.result,
    )
