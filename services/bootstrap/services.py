"""The services that the API uses, grouped by package."""

from dataclasses import dataclass

from core.settings import Settings
from services.access.administration import KeyAdministration, LimitService
from services.access.admission import Admission, BodyBudget
from services.access.counters import RateCounters
from services.access.fetches import FetchService
from services.access.keys import KeyService
from services.audit.recorder import EventLog
from services.audit.trail import AuditService
from services.audit.verifications import VerificationService
from services.backup.creation import CreationService
from services.backup.restoration import RestorationService
from services.faces.comparison import ComparisonService
from services.faces.pictures import PictureService
from services.faces.quality import QualityService
from services.faces.service import FaceService
from services.find.indexes import IndexService
from services.find.photo_files import PhotoFileService
from services.find.service import FindService
from services.gallery.archive.writer import GalleryFileService
from services.gallery.crops import CropService
from services.gallery.identification import IdentificationService
from services.gallery.imports.enrolment import EnrolmentService
from services.gallery.imports.sources import ImportSources
from services.gallery.maintenance import KeyRotationService, UpkeepService
from services.gallery.persons import PersonService
from services.gallery.reapplication import ReapplicationService
from services.gallery.registration import GalleryService
from services.gallery.table_copy import TableCopyService
from services.health.doctor import Doctor
from services.health.figures import Figures
from services.health.readiness import ReadinessService
from services.health.self_test import SelfTest
from services.models.manager import ModelService
from services.models.overview import ModelOverview


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessServices:
    """API keys, limits, admission, the budget of bodies, fetches of image URLs, and rate counters."""

    keys: KeyService
    administration: KeyAdministration
    limits: LimitService
    admission: Admission
    bodies: BodyBudget
    fetches: FetchService
    counters: RateCounters


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceServices:
    """Services for requests that need only their own images."""

    service: FaceService
    comparison: ComparisonService
    quality: QualityService
    pictures: PictureService


@dataclass(frozen=True, slots=True, kw_only=True)
class FindServices:
    """Search in the photo folder."""

    service: FindService
    indexes: IndexService
    photos: PhotoFileService


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryServices:
    """Services for the registered persons."""

    registration: GalleryService
    identification: IdentificationService
    persons: PersonService
    crops: CropService
    enrolment: EnrolmentService
    sources: ImportSources
    archive: GalleryFileService
    table_copy: TableCopyService
    maintenance: UpkeepService
    key_rotation: KeyRotationService
    reapplication: ReapplicationService


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditServices:
    """Records of decisions and changes."""

    log: EventLog
    trail: AuditService
    verifications: VerificationService


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupServices:
    """Backups of the gallery in SQLite."""

    creation: CreationService
    restoration: RestorationService


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelServices:
    """The models and their weights."""

    manager: ModelService
    overview: ModelOverview


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthServices:
    """Readiness, self-test, diagnosis and figures for the metrics."""

    readiness: ReadinessService
    self_test: SelfTest
    doctor: Doctor
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All services that the API uses, grouped by package."""

    settings: Settings
    access: AccessServices
    faces: FaceServices
    find: FindServices
    gallery: GalleryServices
    audit: AuditServices
    backup: BackupServices
    models: ModelServices
    health: HealthServices
