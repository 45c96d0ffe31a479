"""Options and helpers that the groups of commands share."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, get_args

import click
from flask.cli import AppGroup
from pydantic import TypeAdapter, ValidationError
from typing_extensions import override

from core.exceptions import CommandError, ServiceError
from core.terminal import escaped
from schemas.fields import CollectionName
from schemas.names import Alignment, DetectionMethod, DetectorName, Metric, ModelName, Normalization

Options = tuple[Callable[[Callable[..., None]], Callable[..., None]], ...]
_OPTIONS: Options = (
    click.option(
        "--model",
        "model_name",
        type=click.Choice(get_args(ModelName.__value__)),
        help="Recognition model. Default: DEFAULT_MODEL.",
    ),
    click.option(
        "--detector",
        "detector_backend",
        type=click.Choice(get_args(DetectorName.__value__)),
        help="Face detector. Default: DEFAULT_DETECTOR.",
    ),
    click.option(
        "--normalization",
        type=click.Choice(get_args(Normalization.__value__)),
        help="Normalization of the face. Default: DEFAULT_NORMALIZATION.",
    ),
    click.option("--align/--no-align", default=None, help="Align faces. Default: DEFAULT_ALIGN."),
    click.option(
        "--expand-percentage",
        type=click.IntRange(0, 100),
        help="Enlarge the face area. Default: DEFAULT_EXPAND_PERCENTAGE.",
    ),
)
# Ways to detect and crop faces that DeepFace does not have.
_WAYS: Options = (
    click.option(
        "--alignment",
        type=click.Choice(get_args(Alignment.__value__)),
        help="Alignment method. Default: DEFAULT_ALIGNMENT.",
    ),
    click.option(
        "--detection",
        type=click.Choice(get_args(DetectionMethod.__value__)),
        help="Detection method. Default: DETECTION.",
    ),
)
# Which photos the gallery accepts.
_ENROLMENT: Options = (
    click.option(
        "--on-duplicate",
        type=click.Choice(["allow", "reject", "merge"]),
        default="allow",
        show_default=True,
        help="What to do if another person already has the face.",
    ),
    click.option(
        "--metric",
        "distance_metric",
        type=click.Choice(get_args(Metric.__value__)),
        help="Distance metric of --on-duplicate. Default: DEFAULT_METRIC.",
    ),
    click.option(
        "--threshold",
        type=click.FloatRange(0),
        help="Maximum distance to another person's face for --on-duplicate. Default: the service's own.",
    ),
    click.option(
        "--face-policy",
        type=click.Choice(["single", "largest"]),
        default="single",
        show_default=True,
        help="Refuse a photo with several faces, or register its largest face.",
    ),
    click.option(
        "--max-faces", type=click.IntRange(1, 10_000), help="Maximum number of faces per photo, largest first."
    ),
    click.option(
        "--min-quality",
        type=click.FloatRange(0, 1),
        help="Refuse photos below this quality, as measured by /quality. 0 = none. Default: MIN_QUALITY.",
    ),
    click.option("--anti-spoofing", is_flag=True, help="Refuse faces that do not look live."),
    click.option("--store-crop", is_flag=True, help="Also store the image of each face."),
)


@contextmanager
def _known_errors() -> Iterator[None]:
    try:
        yield
    except (ServiceError, CommandError) as error:
        raise click.ClickException(escaped(str(error))) from None


class ReportingCommand(click.Command):
    """A command that reports known errors on one line."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        with _known_errors():
            return super().invoke(ctx)


class ReportingGroup(AppGroup):
    """A group whose commands report known errors on one line."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        with _known_errors():
            return super().invoke(ctx)


def say(line: str) -> None:
    """Print a line; names in it may have been chosen by others, and cannot control the terminal."""
    click.echo(escaped(line))


@contextmanager
def disk_errors(sentence: str) -> Iterator[None]:
    """Report an error of the operating system on one line that begins with `sentence`."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{sentence}: {error.strerror}.") from None


def collection_name(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """The option's value, checked as the name of a collection; None if the option is absent."""
    try:
        return TypeAdapter[str | None](CollectionName | None).validate_python(value)
    except ValidationError as error:
        raise click.BadParameter(error.errors()[0]["msg"]) from None


def with_options(options: Options, command: Callable[..., None]) -> Callable[..., None]:
    """The command with these options, in this order."""
    return functools.reduce(lambda decorated, option: option(decorated), reversed(options), command)


def with_embedding_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that control how faces are embedded, named as the fields of `EmbeddingOptions`."""
    return with_options((*_OPTIONS, *_WAYS), command)


def with_deepface_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `with_embedding_options` that DeepFace has too."""
    return with_options(_OPTIONS, command)


def with_enrolment_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that select and register photos, named as the fields of `EnrolmentOptions`."""
    return with_embedding_options(with_options(_ENROLMENT, command))


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar, and a function that sets it: how many are done, and how many there are.

    It appears with the first call: a command that cannot begin prints nothing but its error.
    """
    with ExitStack() as stack:
        bar: Any = None

        def show(done: int, total: int) -> None:
            nonlocal bar
            if bar is None:
                bar = stack.enter_context(click.progressbar(length=total, label=label, file=sys.stderr))
            bar.length = total
            bar.update(done - bar.pos)

        yield show
