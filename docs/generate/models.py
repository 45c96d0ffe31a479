"""The page of models."""

from collections.abc import Iterator

from docs.generate.markdown import table
from services.models.catalogue import catalogue
from services.models.catalogue.types import Model


def models() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "[Choose models](../how-to/models.md) says what the columns mean. `GET /models` has the same as JSON, with"
    yield "inputs, thresholds, sources and status."
    yield ""
    yield "## Presets"
    yield ""
    yield from table(
        ("preset", "model", "detector", "`ATTRIBUTE_MODELS`"),
        (
            (f"`{preset.name}`", preset.model, preset.detector, f"`{preset.attributes}`")
            for preset in catalogue.PRESETS.values()
        ),
    )
    yield "## Licences"
    yield ""
    yield from table(
        ("model", "task", "files", "licence", "commercial use", "why"),
        (
            (
                model.name,
                model.task,
                _size(model),
                model.license.name,
                model.license.commercial_use,
                f"[{model.license.reason}]({model.license.source})",
            )
            for model in catalogue.MODELS.values()
        ),
    )
    yield "## Packages"
    yield ""
    extras: dict[str, list[str]] = {}
    for model in catalogue.MODELS.values():
        if model.extra is not None:
            needs = f"`{model.extra.command}`" if model.extra.command else f"none. {model.extra.refusal}"
            extras.setdefault(needs, []).append(model.name)
    yield from table(("models", "command"), ((", ".join(names), needs) for needs, names in extras.items()))
    yield "## Limits"
    yield ""
    yield from table(
        ("model", "limits"),
        ((model.name, model.limits) for model in catalogue.MODELS.values() if model.limits is not None),
    )
    yield "## Accuracy"
    yield ""
    yield from table(
        ("model", "benchmark", "what", "value"),
        (
            (model.name, number.benchmark, number.metric, str(number.value))
            for model in catalogue.MODELS.values()
            for number in model.accuracy
        ),
    )


def _size(model: Model) -> str:
    sizes = [file.size for file in model.files]
    if not sizes:
        return "-"
    return "not published" if None in sizes else f"{sum(size or 0 for size in sizes) / 1_000_000:.1f} MB"
