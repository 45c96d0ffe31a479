"""Which indexes requests may build, and how many of these are kept."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from core.exceptions import LicenseForbidden, ValidationFailed
from core.settings import SettingsError
from schemas.common import EmbeddingOptions
from services.deepface.interface import EmbeddingSpace
from services.faces.options import NOT_ALIGNED, Defaults
from services.find.index import IndexKey, index_name
from services.models.catalogue.types import TEMPLATE, TEMPLATE_RGB

# The options that the parts of an index's name stand for, in this order.
_OPTIONS = ("model_name", "detector_backend", "alignment", "detection", "normalization", "expand_percentage")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPolicy:
    """The limits of indexes that requests build. The default index and those built by commands have no limits.

    `allowed` holds the names of the indexes that requests may build besides the default one; None allows all.
    `max_kept` limits the indexes built on request, and the first builds that wait.
    """

    default: tuple[str, EmbeddingSpace] | None = None  # detector and embedding space
    allowed: frozenset[str] | None = None
    max_kept: int = 4

    @classmethod
    def of(cls, spaces: Sequence[str], max_kept: int, defaults: Defaults) -> "IndexPolicy":
        """The policy for the names in FIND_SPACES. Parts that a name leaves out at its end are the defaults.

        Raises:
            SettingsError: a name has a wrong part, or LICENSE_POLICY forbids its model or detector.
        """
        plan = defaults.embedding_plan(EmbeddingOptions())
        allowed = frozenset(_resolved(name, defaults) for name in spaces) if spaces else None
        return cls(default=(plan.detection.detector, plan.space), allowed=allowed, max_kept=max_kept)

    def default_key(self, folder: str) -> IndexKey | None:
        """The key of the default index of a folder, with no weights."""
        if self.default is None:
            return None
        detector, space = self.default
        return IndexKey(folder=folder, detector=detector, space=space, weights="")

    def is_default(self, key: IndexKey) -> bool:
        """Whether this is the index for requests without options."""
        return (key.detector, key.space) == self.default

    def allows(self, key: IndexKey) -> bool:
        """Whether a request may build the index."""
        return self.allowed is None or key.name in self.allowed or self.is_default(key)

    def refusal(self, key: IndexKey, given: Collection[str] = ()) -> ValidationFailed:
        """The error for an index that requests may not build: the options in which it differs from the nearest one.

        `given` are the options of the request. Others are named only if none of these differs.
        """
        others = sorted(self.allowed or ()) + ([index_name(*self.default)] if self.default else [])
        nearest = min((_differences(key.name, name) for name in others), key=len)
        return ValidationFailed([entry for entry in nearest if entry["field"] in given] or nearest)


def _resolved(name: str, defaults: Defaults) -> str:
    """The full name of the index that an entry of FIND_SPACES stands for."""
    parts = _parts(name)
    if len(parts) > len(_OPTIONS):
        raise SettingsError(f"FIND_SPACES: {name!r} has more than {len(_OPTIONS)} parts")
    options: dict[str, str | bool] = dict(zip(_OPTIONS, parts, strict=False))
    if "alignment" in options:
        options["align"] = options["alignment"] != NOT_ALIGNED
        if not options["align"]:
            del options["alignment"]
    try:
        plan = defaults.embedding_plan(EmbeddingOptions.model_validate(options))
    except ValidationError as error:
        wrong = error.errors(include_input=False)[0]
        raise SettingsError(f"FIND_SPACES: {name!r}: {wrong['loc'][0]}: {wrong['msg']}") from None
    except ValidationFailed as error:
        raise SettingsError(f"FIND_SPACES: {name!r}: {error.details['fields'][0]['msg']}") from None
    except LicenseForbidden as error:
        raise SettingsError(f"FIND_SPACES: {name!r}: {error.message}") from None
    return index_name(plan.detection.detector, plan.space)


def _parts(name: str) -> list[str]:
    """The parts of an index's name, as a request gives them."""
    return [TEMPLATE if part == TEMPLATE_RGB else part for part in (part.strip() for part in name.split("/"))]


def _differences(wanted: str, allowed: str) -> list[dict[str, str]]:
    """One entry per option in which the two indexes differ, as in the details of `ValidationFailed`."""
    parts = zip(_OPTIONS, _parts(wanted), _parts(allowed), strict=True)
    return [_difference(option, value, other) for option, value, other in parts if value != other]


def _difference(option: str, value: str, allowed: str) -> dict[str, str]:
    if NOT_ALIGNED in (value, allowed):
        option, value, allowed = "align", _is_aligned(value), _is_aligned(allowed)
    msg = f"Input should be {allowed}, because FIND_SPACES allows no new index with {value}"
    return {"field": option, "msg": msg}


def _is_aligned(alignment: str) -> str:
    return str(alignment != NOT_ALIGNED).lower()
