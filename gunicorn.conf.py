"""How gunicorn serves `main:app`; HOST and PORT come from the settings."""

import sys
from typing import Any

from core.config import SettingsError, load_settings
from core.logging import logging_config

try:
    _settings = load_settings()
except SettingsError as error:
    sys.exit(f"The service cannot start. {error}")

wsgi_app = "main:app"
bind = f"{_settings.host}:{_settings.port}"
reload = _settings.debug

# One process: models are loaded once, and inference uses all cores from there. Threads answer /health and read bodies
# while another waits for an inference.
workers = 1
worker_class = "gthread"
threads = 8

# Each worker imports the frameworks after the fork; their thread pools do not survive one.
preload_app = False

# The service writes its own line per request.
accesslog = None
logconfig_dict = logging_config(_settings)


def post_worker_init(worker: Any) -> None:
    """The socket listens; begin to load the models."""
    from api.deps import services_of

    services_of(worker.wsgi).readiness.start()
