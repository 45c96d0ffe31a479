"""Who may call the service, and how often."""

from pydantic import AliasChoices, BaseModel, Field

from core.settings.types import Counting, HostNames, Limits, Origins, Secrets


class AccessSettings(BaseModel):
    """Who may call the service, and how often."""

    api_keys: Secrets = Field(
        (),
        validation_alias=AliasChoices("API_KEYS", "API_KEY"),
        repr=False,
        description="Comma-separated API keys with all scopes. At least 32 characters each.",
    )
    require_auth: bool = Field(False, description="Refuse to start without any API key.")
    rate_limit: Limits = Field(
        "",
        description="Requests allowed per API key (per IP address if there are no keys). Empty = unlimited. Example:"
        " `1200/minute`.",
    )
    rate_limit_address: Limits = Field(
        "",
        description="Requests allowed per IP address, with any API keys, on all paths but `/health` and `/ready`. Same"
        " format as RATE_LIMIT. Empty = unlimited.",
    )
    rate_limit_storage: Counting = Field(
        "memory",
        repr=False,
        description="Where requests are counted: `memory` (each process on its own), `database` or redis://….",
    )
    metrics_public: bool = Field(
        False, description="Answer `GET /metrics` without an API key, from any address that reaches the port."
    )
    cors_origins: Origins = Field(
        (),
        description="Comma-separated origins whose pages may send requests and read answers. `*` = all origins."
        " Example: `https://app.example.com`.",
    )
    allowed_hosts: HostNames = Field(
        (),
        description="Comma-separated host names that a service without API keys answers, besides addresses, `localhost`"
        " and the name of the machine. `*` = all names.",
    )
