"""The use case of registering what an importer finds."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from hashlib import sha256
from multiprocessing.pool import ThreadPool
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from core.exceptions import (
    Conflict,
    DeepFaceError,
    ImageDecodeError,
    ImageError,
    LowQuality,
    ServiceError,
    ValidationFailed,
)
from core.files import OutsideRoot
from core.images.decoding import ImagePolicy
from core.images.header import image_format
from core.images.xmp import coded_pixels
from schemas.fields import Name
from schemas.gallery import EnrolmentOptions, RegisterRequest
from services.audit.recorder import new_event
from services.deepface.interface import EmbeddingSpace, FaceArea
from services.faces.options import Defaults
from services.gallery.imports.entries import Entry, Unusable
from services.gallery.imports.regions import OtherProportions, cut_out
from services.gallery.registration import GalleryService
from services.gallery.store.store import GalleryStore
from services.gallery.store.values import IdempotencyKey, IdempotencyKeyTaken, NewFace, Registration

_Outcome = Literal["enrolled", "known"]

_NAME = TypeAdapter[str](Name)

# What refuses one entry, and not all later ones.
_REFUSALS = (
    *(Unusable, OutsideRoot, OSError, OtherProportions),
    *(ValidationError, ValidationFailed, ImageError, Conflict, DeepFaceError),
)


@dataclass(slots=True)
class Enrolment:
    """How many entries were registered now, how many earlier, and the reason of each refusal by its source.

    In a dry run, `enrolled` counts those that would be registered. `problems` counts the photos of low quality by what
    is not good enough.
    """

    enrolled: int = 0
    known: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    problems: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    collection: str
    options: EnrolmentOptions
    dry: bool


class EnrolmentService:
    """Registers entries, in as many threads as there are inference slots."""

    def __init__(
        self, *, gallery: GalleryService, store: GalleryStore, defaults: Defaults, policy: ImagePolicy, lanes: int
    ) -> None:
        self._gallery = gallery
        self._store = store
        self._defaults = defaults
        self._policy = policy
        self._lanes = lanes

    def enrol(
        self,
        entries: Iterable[Entry],
        *,
        collection: str,
        options: EnrolmentOptions,
        progress: Callable[[int, int], None],
        dry_run: bool = False,
    ) -> Enrolment:
        """Register every entry for its person, each in one transaction. A dry run checks everything and stores nothing.

        An entry is not stored again if the same source and content were registered before, in this collection and
        embedding space. It is refused as `conflict` if it was deleted since, or if another person has the face and
        `on_duplicate` is `reject`. Refusals are error codes, problems of the entries, `no_person` for an entry without
        a name, `unreadable` or `outside_folder`. `progress` is called with how many entries are done, and how many
        there are.

        Raises:
            ServiceUnavailable, StorageFull, ModelUnavailable: no further entry can succeed; the earlier ones stay
                registered.
            Others: errors from reading the source.
        """
        found = list(entries)
        done = Enrolment(refused={entry.source: entry.problem for entry in found if entry.problem})
        usable = sorted((entry for entry in found if not entry.problem), key=lambda entry: entry.source)
        run = _Run(collection=collection, options=options, dry=dry_run)
        with ThreadPool(self._lanes) as pool:
            outcomes = pool.imap(partial(self._outcome, run), usable)
            for count, (entry, (outcome, problems)) in enumerate(zip(usable, outcomes, strict=True), 1):
                done.problems.update(problems)
                if outcome == "enrolled":
                    done.enrolled += 1
                elif outcome == "known":
                    done.known += 1
                else:
                    done.refused[entry.source] = outcome
                progress(count, len(usable))
        return done

    def _outcome(self, run: _Run, entry: Entry) -> tuple[str, Sequence[str]]:
        """`enrolled`, `known`, or the reason why the entry is refused; and the problems of its quality."""
        try:
            return self._register(run, entry), ()
        except LowQuality as error:
            return error.code, error.details["reasons"]
        except _REFUSALS as error:
            return _reason(error), ()

    def _register(self, run: _Run, entry: Entry) -> _Outcome:
        if not entry.name:
            raise Unusable("no_person")
        request = _request(run, entry)  # first, so that a wrong name is refused without reading the photo
        space = self._defaults.embedding_plan(request).space
        if entry.version and self._is_known(_key(run, space, entry, entry.version)):
            return "known"
        found = entry.read()
        if isinstance(found, NewFace):
            return self._keep(run, entry, found)
        key = _key(run, space, entry, entry.version or _digest(entry, found))
        if self._is_known(key):
            return "known"
        at: FaceArea | None = None
        if entry.region is not None:
            found, at = cut_out(found, entry.region, self._policy)
        request = request.model_copy(update={"img": found})
        if run.dry:
            self._gallery.check(request, at=at)
        else:
            self._gallery.register(request, idempotency_key=key, photo=_photo(entry), at=at)
        return "enrolled"

    def _keep(self, run: _Run, entry: Entry, face: NewFace) -> _Outcome:
        """Store a face that is embedded already."""
        embedding = face.embeddings[0]
        key = _key(run, embedding.space, entry, sha256(embedding.vector.astype("<f4").tobytes()).hexdigest())
        if self._is_known(key):
            return "known"
        if run.dry:
            return "enrolled"
        registration = Registration(
            faces=[face],
            collection=run.collection,
            name=_NAME.validate_python(entry.name),
            idempotency_key=key,
            event=new_event("register", collection=run.collection, model=embedding.space.model),
        )
        try:
            self._store.register(registration)
        except IdempotencyKeyTaken:  # another import was faster
            return "known"
        return "enrolled"

    def _is_known(self, key: IdempotencyKey) -> bool:
        """Whether the entry was registered; raises Conflict if it was deleted since."""
        if not self._store.has_answered(key.key):
            return False
        if self._store.answered(key.key) is None:
            raise Conflict("The face was deleted.")
        return True


def _request(run: _Run, entry: Entry) -> RegisterRequest:
    """The request to register the entry, but for its photo."""
    return RegisterRequest.model_validate(
        {
            "img": b"unread",
            "name": entry.name,
            "collection": run.collection,
            "labels": None if entry.labels is None else dict(entry.labels),
            "retain_until": entry.retain_until,
            **run.options.model_dump(),
        }
    )


def _key(run: _Run, space: EmbeddingSpace, entry: Entry, content: str) -> IdempotencyKey:
    """The key of this entry with this content, in the collection and the embedding space."""
    said = json.dumps([run.collection, asdict(space), entry.source, content], sort_keys=True)
    digest = sha256(said.encode()).hexdigest()
    return IdempotencyKey(f"enrol {digest}", digest)


def _digest(entry: Entry, photo: bytes) -> str:
    """The SHA-256 of a photo; where regions are marked, of its pixels, because marking another one changes the file."""
    if entry.region is None:
        return sha256(photo).hexdigest()
    digest = sha256()
    try:
        for part in coded_pixels(photo, image_format(photo) or ""):
            digest.update(part)
    except ValueError:
        raise ImageDecodeError from None
    return digest.hexdigest()


def _photo(entry: Entry) -> str | None:
    """The name of the entry's photo; None if the gallery does not take such a name."""
    with suppress(ValidationError):
        return _NAME.validate_python(entry.photo or entry.source)
    return None


def _reason(error: Exception) -> str:
    """Why an entry is refused, in a word; of invalid values also their fields."""
    match error:
        case Unusable():
            return error.reason
        case OutsideRoot():
            return "outside_folder"
        case OtherProportions():
            return "region_outdated"
        case ServiceError():
            return error.code
        case ValidationError():
            fields = dict.fromkeys(str(one["loc"][0]) for one in error.errors(include_input=False) if one["loc"])
            return f"{ValidationFailed.code} ({', '.join(fields)})"
    return "unreadable"
