"""The use case of registering a folder of photos, which has one folder per person."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from hashlib import sha256
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from core.exceptions import Conflict, DeepFaceError, ImageError, LowQuality, ValidationFailed
from core.files import OutsideRoot, open_beneath
from core.images.decoding import ImagePolicy, read_limited
from core.images.folder import PhotoLister
from schemas.gallery import EnrolmentOptions, RegisterRequest
from services.faces.options import Defaults
from services.gallery.registration import GalleryService
from services.gallery.store.store import GalleryStore
from services.gallery.store.values import IdempotencyKey


@dataclass(slots=True)
class Enrolment:
    """How many photos were registered now, how many earlier, and the reason of each refusal by the photo's path.

    `problems` counts the photos of low quality by what is not good enough.
    """

    enrolled: int = 0
    known: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    problems: Counter[str] = field(default_factory=Counter)


class EnrolmentService:
    """Registers photos, in as many threads as there are inference slots."""

    def __init__(
        self,
        *,
        gallery: GalleryService,
        store: GalleryStore,
        defaults: Defaults,
        policy: ImagePolicy,
        lanes: int,
        skip: Sequence[str] = (),
    ) -> None:
        self._gallery = gallery
        self._store = store
        self._defaults = defaults
        self._policy = policy
        self._lanes = lanes
        self._skip = skip

    def enrol(
        self, folder: Path, collection: str, options: EnrolmentOptions, progress: Callable[[int, int], None]
    ) -> Enrolment:
        """Register every photo below `folder` for the person named like its first folder.

        A photo is not stored again if the same path and content were registered before, in this collection and
        embedding space. It is refused as `conflict` if it was deleted since, or if another person has the face and
        `on_duplicate` is `reject`. Refusals are error codes, `no_person` for a photo outside a person's folder,
        `unreadable`, or a problem of `PhotoLister.photos`. `progress` is called with how many photos are done, and how
        many there are.

        Raises:
            OSError: the folder cannot be read.
            ServiceUnavailable, StorageFull, ModelUnavailable: no further photo can succeed; the earlier ones stay
                registered.
        """
        files = list(PhotoLister(self._skip).photos(folder))
        names = sorted(file.name for file in files if not file.problem)
        done = Enrolment(refused={file.name: file.problem for file in files if file.problem})
        with ThreadPool(self._lanes) as pool:
            outcomes = pool.imap(partial(self._outcome, folder, collection, options), names)
            for count, (name, (outcome, problems)) in enumerate(zip(names, outcomes, strict=True), 1):
                done.problems.update(problems)
                if outcome == "enrolled":
                    done.enrolled += 1
                elif outcome == "known":
                    done.known += 1
                else:
                    done.refused[name] = outcome
                progress(count, len(names))
        return done

    def _outcome(
        self, folder: Path, collection: str, options: EnrolmentOptions, name: str
    ) -> tuple[str, Sequence[str]]:
        """`enrolled`, `known`, or the reason why the photo is refused; and the problems of its quality."""
        person, _, below = name.partition("/")
        if not below:
            return "no_person", ()
        try:
            with open_beneath(folder, name) as file:
                content = read_limited(file, self._policy)
            request = RegisterRequest(img=content, name=person, collection=collection, **options.model_dump())
            return self._register(request, name, content), ()
        except (OSError, OutsideRoot):
            return "unreadable", ()
        except ValidationError:
            return ValidationFailed.code, ()
        except LowQuality as error:
            return error.code, error.details["reasons"]
        except (ImageError, Conflict, DeepFaceError) as error:
            return error.code, ()

    def _register(self, request: RegisterRequest, name: str, content: bytes) -> Literal["enrolled", "known"]:
        space = asdict(self._defaults.embedding_plan(request).space)
        said = json.dumps([request.collection, space, name, sha256(content).hexdigest()], sort_keys=True)
        digest = sha256(said.encode()).hexdigest()
        key = f"enrol {digest}"
        if self._store.answered(key) is not None:
            return "known"
        self._gallery.register(request, idempotency_key=IdempotencyKey(key, digest))
        return "enrolled"
