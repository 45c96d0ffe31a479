"""The settings of the service: one frozen class, read once from the environment and `.env`."""

import os
from contextlib import suppress
from pathlib import Path

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import override

from core.settings.access import AccessSettings
from core.settings.capacity import CapacitySettings
from core.settings.doors import DoorsSettings
from core.settings.faces import FacesSettings
from core.settings.find import FindSettings
from core.settings.gallery import GallerySettings
from core.settings.images import ImagesSettings
from core.settings.models import ModelsSettings
from core.settings.names import misspelt, names_of, without_hiding
from core.settings.server import ServerSettings

_ENV_FILE = ".env"

# Settings of earlier versions. The service refuses to start with them, because they no longer have an effect.
_GONE = ("BATCH_WAIT_MS",)


class SettingsError(ValueError):
    """Raised when a setting, or a file or database it names, stops the start. The message names it on one line."""


class Settings(
    CapacitySettings,
    DoorsSettings,
    AccessSettings,
    GallerySettings,
    FindSettings,
    ImagesSettings,
    FacesSettings,
    ModelsSettings,
    ServerSettings,
    BaseSettings,
):
    """The settings an operator can change. Each field is the environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(
        env_file=_ENV_FILE, env_file_encoding="utf-8", extra="ignore", frozen=True, populate_by_name=True
    )

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources, in which an empty variable hides no other name of its setting."""
        assert isinstance(env_settings, EnvSettingsSource)
        assert isinstance(dotenv_settings, DotEnvSettingsSource)
        environment, file = env_settings.env_vars, dotenv_settings.env_vars
        env_settings.env_vars = without_hiding(environment, file, cls.model_fields)
        dotenv_settings.env_vars = without_hiding(file, environment, cls.model_fields)
        return init_settings, env_settings, dotenv_settings

    @property
    def cores(self) -> int:
        """Number of cores this process may use: its share of the available cores."""
        return max(1, available_cores() // self.workers)

    @property
    def lanes(self) -> int:
        """Number of concurrent inferences in this process."""
        return self.inference_lanes or self.cores

    @property
    def threads_per_lane(self) -> int:
        """Number of library threads per lane. The threads of all processes together fit the cores."""
        return max(1, self.cores // self.lanes)

    @property
    def url_fetches_in_all(self) -> int:
        """Number of requests of this process that may fetch image URLs at once: what four callers may."""
        return 4 * self.url_fetches


def available_cores() -> int:
    """Number of cores available to this process: the smaller of its affinity and its container's quota (cgroup v2)."""
    cores = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def load_settings() -> Settings:
    """Return the settings from the environment of this process and `.env`.

    Raises:
        SettingsError: a variable is wrong. The message names each wrong variable and its problem, on one line.
    """
    given = _given()
    wrong = [f"{name}: this setting no longer exists. Remove it." for name in _GONE if name in given]
    try:
        settings = Settings()
    except ValidationError as error:
        wrong += (f"{_given_name(e['loc'], given)}: {e['msg']}" for e in error.errors(include_input=False))
    else:
        if not wrong:
            return settings
    raise SettingsError("; ".join(wrong))


def misspelt_settings() -> list[str]:
    """Return one sentence for each variable of the environment and `.env` that is probably a misspelt setting."""
    return [
        f"{name} is no setting. Did you mean {right}?"
        for name, right in misspelt(_given() - set(_GONE), Settings.model_fields)
    ]


def _given_name(place: tuple[int | str, ...], given: set[str]) -> str:
    """Return the variable that an error is about: the name that was given, if the setting has several."""
    ours = ".".join(map(str, place)).upper()
    for field, info in Settings.model_fields.items():
        if ours in (names := names_of(field, info)):
            return next((name for name in names if name in given), ours)
    return ours


def _given() -> set[str]:
    return {name.upper() for name in (*os.environ, *dotenv_values(_ENV_FILE))}
