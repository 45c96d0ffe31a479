"""Resolves the options of a request, with the settings as defaults, into a plan for the engine."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import ValidationError

from core.exceptions import ValidationFailed
from core.settings import Settings, SettingsError
from schemas.common import AlignmentOptions, ComparisonOptions, DetectionOptions, EmbeddingOptions, MetricOptions
from schemas.names import Action
from services.deepface.interface import Detection, EmbeddingSpace
from services.faces.plan import EmbeddingPlan, Plan, conditions_of
from services.models.catalogue import catalogue
from services.models.catalogue.types import TEMPLATE, TEMPLATES
from services.models.licensing import LicensePolicy
from services.models.thresholds import Threshold, has_template_threshold, threshold_of

T = TypeVar("T")

NOT_ALIGNED = "none"
_EYES = "eyes"
_AUTO = "auto"

# The setting behind each option, for the message about a wrong value.
_SETTING_OF_OPTION = {
    "model_name": "DEFAULT_MODEL",
    "detector_backend": "DEFAULT_DETECTOR",
    "distance_metric": "DEFAULT_METRIC",
    "normalization": "DEFAULT_NORMALIZATION",
    "alignment": "DEFAULT_ALIGNMENT",
    "expand_percentage": "DEFAULT_EXPAND_PERCENTAGE",
}


def _or(value: T | None, default: T) -> T:
    return default if value is None else value


def _known(name: str) -> str:
    """The catalogue's name for an entry of PRELOAD_MODELS.

    Raises:
        SettingsError: the catalogue has no such model.
    """
    try:
        return catalogue.find(name).name
    except KeyError:
        raise SettingsError(f"PRELOAD_MODELS: no model {name!r}; use one of {', '.join(catalogue.MODELS)}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """The default of every option. Names may be aliases of the catalogue's names.

    `attributes` has the model of each attribute. `antispoof_threshold` is not an option, because a client must not
    choose how good a spoof has to be.
    """

    model: str
    detector: str
    metric: str
    normalization: str
    align: bool
    enforce_detection: bool
    expand_percentage: int
    alignment: str
    detection: str
    antispoof_threshold: float
    attributes: Mapping[Action, str]
    preload: tuple[str, ...]
    licenses: LicensePolicy

    @classmethod
    def of(cls, settings: Settings) -> "Defaults":
        """The defaults of the settings.

        Raises:
            SettingsError: a setting names an unknown model, detector, metric or normalization; PRELOAD_MODELS names an
                unknown model; LICENSE_POLICY forbids one of the models; or no threshold is known for the defaults.
        """
        preset = catalogue.PRESETS[settings.model_preset]
        try:
            options = ComparisonOptions.model_validate(
                {
                    "model_name": settings.default_model or preset.model,
                    "detector_backend": settings.default_detector or preset.detector,
                    "distance_metric": settings.default_metric,
                    "normalization": settings.default_normalization,
                }
            )
        except ValidationError as error:
            wrong = error.errors(include_input=False)[0]
            raise SettingsError(f"{_SETTING_OF_OPTION[str(wrong['loc'][0])]}: {wrong['msg']}") from None
        model, detector = str(options.model_name), str(options.detector_backend)
        liveness = (catalogue.LIVENESS,) if preset.liveness else ()
        preload = tuple(_known(name) for name in settings.preload_models or (model, detector, *liveness))
        licenses = LicensePolicy(settings.license_policy)
        licenses.require_of("DEFAULT_MODEL" if settings.default_model else "MODEL_PRESET", model)
        licenses.require_of("DEFAULT_DETECTOR" if settings.default_detector else "MODEL_PRESET", detector)
        for name in preload:
            licenses.require_of("PRELOAD_MODELS", name)
        defaults = cls(
            attributes=catalogue.ATTRIBUTE_MODELS[settings.attribute_models or preset.attributes],
            preload=preload,
            licenses=licenses,
            model=model,
            detector=detector,
            metric=str(options.distance_metric),
            normalization=str(options.normalization),
            align=settings.default_align,
            enforce_detection=settings.default_enforce_detection,
            expand_percentage=settings.default_expand_percentage,
            alignment=settings.default_alignment,
            detection=settings.detection,
            antispoof_threshold=settings.antispoof_threshold,
        )
        plan = defaults.embedding_plan(EmbeddingOptions())
        if plan.limit is None:
            option, value = next(iter(plan.without_threshold().items()))
            raise SettingsError(
                f"{_SETTING_OF_OPTION[option]}: no threshold is known for {model} with {value}; choose another value"
            )
        return defaults

    def plan(self, options: DetectionOptions) -> Plan:
        """The plan for a request without embeddings.

        Raises:
            LicenseForbidden: LICENSE_POLICY forbids the detector, or the liveness models if liveness is requested.
            ValidationFailed: the request asks for alignment by template, and the model has none.
        """
        return Plan(
            detection=self._detection(options),
            judges_liveness=options.anti_spoofing,
            only_surest_face=options.only_surest_face,
            refuses_spoofs=options.refuses_spoofs,
            min_confidence=options.min_confidence,
        )

    def embedding_plan(self, options: EmbeddingOptions) -> EmbeddingPlan:
        """The plan for a request with embeddings. The metric is the default if the request has no option for it.

        Raises:
            LicenseForbidden: as `plan`; or LICENSE_POLICY forbids the model.
            ValidationFailed: as `plan`.
        """
        space, detection = self._space(options), self._detection(options)
        metric = _or(options.distance_metric if isinstance(options, MetricOptions) else None, self.metric)
        own = threshold_of(catalogue.find(space.model), metric, conditions_of(space, detection))
        return EmbeddingPlan(
            detection=detection,
            judges_liveness=options.anti_spoofing,
            only_surest_face=options.only_surest_face,
            refuses_spoofs=options.refuses_spoofs,
            min_confidence=options.min_confidence,
            space=space,
            metric=metric,
            own_threshold=own,
            limit=_limit(options, own, space.model, metric) if isinstance(options, ComparisonOptions) else own,
        )

    def decision_plan(self, options: EmbeddingOptions) -> EmbeddingPlan:
        """As `embedding_plan`, for a request whose answer needs a threshold.

        Raises:
            ValidationFailed: also if the request has no threshold, and none is known for its options.
            Others as `embedding_plan`.
        """
        plan = self.embedding_plan(options)
        plan.require_threshold()
        return plan

    def capture_plan(self, plan: EmbeddingPlan) -> EmbeddingPlan:
        """The plan for the frames of a request, with liveness judged whatever the value of `anti_spoofing`.

        Raises:
            LicenseForbidden: LICENSE_POLICY forbids the liveness models.
        """
        self.licenses.require(catalogue.LIVENESS)
        return replace(plan, judges_liveness=True)

    def _detection(self, options: DetectionOptions) -> Detection:
        detector = _or(options.detector_backend, self.detector)
        self.licenses.require(detector, *((catalogue.LIVENESS,) if options.anti_spoofing else ()))
        return Detection(
            detector=catalogue.find(detector).name,
            method=_or(options.detection, self.detection),
            enforce=_or(options.enforce_detection, self.enforce_detection),
            alignment=crop_of(self._alignment_of(options), self._model_of(options)),
            expand_percentage=_or(options.expand_percentage, self.expand_percentage),
            max_faces=options.max_faces,
        )

    def _space(self, options: EmbeddingOptions) -> EmbeddingSpace:
        model = self._model_of(options)
        self.licenses.require(model)
        return EmbeddingSpace(
            model=model,
            alignment=self._alignment_of(options),
            detection=_or(options.detection, self.detection),
            normalization=_or(options.normalization, self.normalization),
            expand_percentage=_or(options.expand_percentage, self.expand_percentage),
        )

    def _model_of(self, options: DetectionOptions) -> str:
        """The recognition model that decides how faces are cropped; the default if the request has no such option."""
        return _or(options.model_name if isinstance(options, EmbeddingOptions) else None, self.model)

    def _alignment_of(self, options: DetectionOptions) -> str:
        if not _or(options.align, self.align):
            return NOT_ALIGNED
        if not isinstance(options, AlignmentOptions):
            return _EYES  # DeepFace's attribute models were not trained on any of the templates
        model = catalogue.find(self._model_of(options))
        if options.alignment == TEMPLATE and model.template is None:
            raise ValidationFailed.of("alignment", f"{model.name} has no template; use eyes or auto")
        alignment = _or(options.alignment, self.alignment)
        fits = has_template_threshold(model) if alignment == _AUTO else model.template is not None
        return model.template_alignment if alignment != _EYES and fits else _EYES


def _limit(options: ComparisonOptions, own: Threshold | None, model: str, metric: str) -> Threshold | None:
    """The threshold of the request; else DeepFace's or the published one, where it holds; else our own."""
    if options.threshold is not None:
        return Threshold(options.threshold, "request")
    if options.has_deepface_thresholds and own is not None:
        return Threshold(catalogue.find(model).thresholds[metric], "deepface")
    published = options.published_thresholds.get(model, {}).get(metric)
    if published is None or own is None or own.source != "deepface":
        return own
    return Threshold(published, own.source)


def crop_of(alignment: str, model: str) -> str:
    """The value of `Detection.alignment` for an embedding space of this alignment and model."""
    template = catalogue.find(model).template if alignment in TEMPLATES else None
    return alignment if template is None else template
