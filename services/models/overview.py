"""The use case of describing the models: their licences, accuracy and status."""

from collections.abc import Callable
from typing import Protocol

from schemas.models import (
    AccuracyInfo,
    LicenseInfo,
    ModelFile,
    ModelInfo,
    ModelsResponse,
    PresetInfo,
    Thresholds,
    TrainedPixelsInfo,
)
from schemas.service import SelfTestOutcome
from services.models.catalogue import catalogue
from services.models.catalogue.types import Model, Preset, WeightFile
from services.models.extras import package_problem
from services.models.licensing import LicensePolicy, commercial_use
from services.models.manager import is_installed, size_of, total_size
from services.models.weights import Weights


class SelfTested(Protocol):
    """The result of a model's self-test with a drawn image, and its duration."""

    @property
    def outcome(self) -> SelfTestOutcome:
        """Whether the model answered as before."""

    @property
    def milliseconds(self) -> float | None:
        """The duration of an inference after the first one; None if there was none."""


class ModelOverview:
    """Describes the catalogue's models as they are in this process; `is_ready` says which have answered."""

    def __init__(
        self,
        *,
        weights: Weights,
        licenses: LicensePolicy,
        preset: str,
        is_loaded: Callable[[str], bool],
        is_ready: Callable[[str], bool],
        self_tested: Callable[[str], SelfTested | None],
    ) -> None:
        self._preset = preset
        self._weights = weights
        self._licenses = licenses
        self._is_loaded = is_loaded
        self._is_ready = is_ready
        self._self_tested = self_tested

    def models(self) -> ModelsResponse:
        """Every model and preset of the catalogue."""
        return ModelsResponse(
            license_policy=self._licenses.policy,
            preset=self._preset,
            presets=[self._preset_info(preset) for preset in catalogue.PRESETS.values()],
            models=[self._described(model) for model in catalogue.MODELS.values()],
        )

    def _preset_info(self, preset: Preset) -> PresetInfo:
        models = catalogue.models_of(preset)
        return PresetInfo(
            name=preset.name,
            summary=preset.summary,
            models=[model.name for model in models],
            commercial_use=commercial_use(models),
            size_bytes=total_size(models, self._weights),
            installed=all(is_installed(model, self._weights) for model in models),
        )

    def _described(self, model: Model) -> ModelInfo:
        tested = self._self_tested(model.name)
        return ModelInfo(
            name=model.name,
            task=model.task,
            input_px=None if model.input_px is None else list(model.input_px),
            dim=model.dim,
            template=model.template,
            trained_pixels=model.trained_pixels and TrainedPixelsInfo.model_validate(model.trained_pixels),
            thresholds=_thresholds(model),
            accuracy=[AccuracyInfo.model_validate(number) for number in model.accuracy],
            limits=model.limits,
            license=LicenseInfo.model_validate(model.license),
            allowed=self._licenses.allows(model.license),
            files=[self._file(file) for file in self._weights.files(model)],
            package=None if model.extra is None else model.extra.command,
            package_problem=package_problem(model),
            installed=is_installed(model, self._weights),
            loaded=self._is_loaded(model.name),
            ready=self._is_ready(model.name),
            self_test=None if tested is None else tested.outcome,
            milliseconds=None if tested is None else tested.milliseconds,
        )

    def _file(self, file: WeightFile) -> ModelFile:
        return ModelFile(
            name=file.name,
            installed=self._weights.size(file) is not None,
            size_bytes=size_of(file, self._weights),
            sha256=file.sha256,
            urls=list(file.urls),
            package=file.package,
        )


def _thresholds(model: Model) -> list[Thresholds]:
    own = [(one.alignment, one.detector, one.values) for one in model.measured_thresholds]
    published = [("eyes", None, model.thresholds)] if model.thresholds else []
    return [
        Thresholds.model_validate(
            {
                "alignment": alignment,
                "detector_backend": detector,
                "values": values,
                "source": catalogue.THRESHOLDS_SOURCE if detector is None else catalogue.MEASURED_THRESHOLDS_SOURCE,
            }
        )
        for alignment, detector, values in (*published, *own)
    ]
