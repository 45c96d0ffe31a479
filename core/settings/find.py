"""The folder of photos."""

from typing import Literal

from pydantic import BaseModel, Field


class FindSettings(BaseModel):
    """The folder of photos."""

    faces_db_path: str = Field("", description="Folder of photos that `/find` searches. Empty = `/find` is disabled.")
    identity_paths: Literal["deepface", "relative"] = Field(
        "deepface",
        description="How `/find` names a photo. `deepface`: FACES_DB_PATH and the path below it. `relative`: only"
        " the path below it.",
    )
    faces_db_refresh_s: float = Field(
        2, ge=0, description="Seconds after a check during which `/find` does not check the folder for changes again."
    )
