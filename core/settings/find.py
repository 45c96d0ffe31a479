"""The folder of photos."""

from typing import Literal

from pydantic import BaseModel, Field

from core.settings.types import Names


class FindSettings(BaseModel):
    """The folder of photos."""

    faces_db_path: str = Field("", description="Folder of photos that `/find` searches. Empty = `/find` is disabled.")
    identity_paths: Literal["deepface", "relative"] = Field(
        "deepface",
        description="How `/find` names a photo. `deepface`: FACES_DB_PATH and the path below it. `relative`: only"
        " the path below it.",
    )
    find_person: Literal["folder", "off"] = Field(
        "folder",
        description="What `/find` answers as `person`. `folder`: the first folder below FACES_DB_PATH. `off`: null, for"
        " folders that are not named after persons, such as `2014/07`.",
    )
    faces_db_refresh_s: float = Field(
        2, ge=0, description="Seconds after a check during which `/find` does not check the folder for changes again."
    )
    find_spaces: Names = Field(
        (),
        description="Comma-separated names of the indexes that requests to `/find` may build besides the default one:"
        " `MODEL/DETECTOR/ALIGNMENT/DETECTION/NORMALIZATION/EXPAND_PERCENTAGE`, as `face-service index list` prints"
        " them. Parts left out at the end are the defaults. Empty = any.",
    )
    find_spaces_max: int = Field(
        4,
        ge=1,
        description="Maximum number of indexes built by requests that are kept. The least recently used one is deleted."
        " The default index and those of `face-service index build` do not count.",
    )
    find_skip: Names = Field(
        (),
        description="Comma-separated names of files and folders that `/find` and `face-service gallery enroll` skip,"
        " for example `rejected,*_old`. Added to the names that systems use, such as `#recycle`, `@eaDir`, `lost+found`"
        " and names that begin with a dot.",
    )
