"""The doors: APIs of other systems, whose clients the service answers."""

from pydantic import BaseModel, Field

from core.settings.types import DOORS, DoorNames


class DoorsSettings(BaseModel):
    """The doors: APIs of other systems, whose clients the service answers."""

    doors: DoorNames = Field(
        DOORS,
        description="Comma-separated doors to open. Empty = none. One more is closed by default: `compreface-static`,"
        " which takes API keys in paths.",
    )
