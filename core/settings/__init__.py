"""The settings of the service, in groups; one class holds them all."""

from core.settings.settings import (
    Settings,
    SettingsError,
    available_cores,
    load_settings,
    misspelt_settings,
)

__all__ = ["Settings", "SettingsError", "available_cores", "load_settings", "misspelt_settings"]
