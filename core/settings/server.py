"""How the service runs: address, processes, log."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from core.settings.types import Host, LogLevel, PathPrefix


class ServerSettings(BaseModel):
    """How the service runs: address, processes, log."""

    host: Host = Field("0.0.0.0", description="Address the server listens on: IPv4, IPv6 (`::` = all) or a name.")
    port: int = Field(5000, ge=1, le=65535, description="Port the server listens on.")
    debug: bool = Field(False, description="Reload on code changes and log more. Never starts a debugger.")
    workers: int = Field(1, ge=1, description="Number of server processes. Each loads its own models.")
    trusted_proxies: int = Field(
        0,
        ge=0,
        description="Number of trusted reverse proxies. Each must append the address it sees to X-Forwarded-For, and"
        " set or remove X-Forwarded-Proto and X-Forwarded-Host.",
    )
    script_name: PathPrefix = Field(
        "",
        description="Path prefix that a proxy leaves in the paths of its requests. Not needed if it removes it."
        " Example: `/face-api`.",
    )
    log_level: LogLevel = Field("INFO", description="Minimum log level: DEBUG, INFO, WARNING or ERROR.")
    log_format: Literal["json", "text"] = Field("json", description="`json`: one object per line. `text`: for people.")
    data_path: Path = Field(Path("./data"), description="Folder for everything the service writes.")

    @property
    def bind(self) -> str:
        """HOST and PORT as gunicorn takes them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
