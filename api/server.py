"""Configures gunicorn to serve `main:app`, from the settings."""

import os
import sys
from typing import Any

from core.exceptions import ServiceUnavailable
from core.logging import logging_config
from core.metrics.folder import MetricsFolder
from core.process import prepare_process
from core.settings import SettingsError, load_settings, misspelt_settings
from core.workers import Workers

# Made before anything imports prometheus-client, and inherited by the workers.
_metrics = MetricsFolder()

try:
    _settings = load_settings()
    prepare_process(_settings)
    # Imported only now, because it imports numpy. Defaults are checked before the fork: gunicorn would restart a worker
    # that a wrong default ends forever.
    from services.preflight import (
        begin_encryption,
        has_no_key,
        photo_folder_problem,
        require_known_defaults,
        require_sound_weights,
    )

    _metrics.end_worker(os.getpid())  # what was imported has begun values of this process, which counts nothing
    require_known_defaults(_settings)
    require_sound_weights(_settings)
    _warnings = [*misspelt_settings(), *begin_encryption(_settings)]
    if _problem := photo_folder_problem(_settings):
        _warnings.append(_problem)
    try:
        _has_no_key: bool | None = has_no_key(_settings)
    except ServiceUnavailable:  # every request that needs an API key reports it
        _has_no_key = None
    if _settings.require_auth and _has_no_key:
        raise SettingsError("REQUIRE_AUTH: there is no API key. Set API_KEYS, or run: face-service keys create --help")
except SettingsError as error:
    sys.exit(f"The service cannot start. {error}")

wsgi_app = "main:app"
bind = _settings.bind
reload = _settings.debug

# Each process has its own models, queue and index in memory. One process already uses all cores.
workers = _settings.workers
worker_class = "gthread"

# One thread for each request that may run, wait or fetch an image, so that the next one is refused at once instead of
# staying in the socket's backlog. The other 16 threads are for the rest: /health, and bodies still being read.
threads = _settings.lanes + _settings.queue_max + _settings.url_fetches_in_all + 16

# Keys are never removed. If the database vanishes, a worker that starts later finds no key, and must still require one.
raw_env = ["REQUIRE_AUTH=true"] if _has_no_key is False else []

# The frameworks must be imported after the fork, because their thread pools do not survive it.
preload_app = False

# In a thread worker this limits the heartbeat, not a request. The service sets the request's deadline itself. Loading a
# framework holds Python's lock for seconds.
timeout = 60

# On SIGTERM a request may start just before its deadline. Two images of 30 megapixels then take 23 s.
graceful_timeout = int(_settings.request_timeout_s) + 30

# Longer than nginx keeps an idle upstream connection (60 s). So nginx closes the connection, and no request is lost.
keepalive = 75

# Only the proxies of TRUSTED_PROXIES may change what a request says. gunicorn itself would let every client on this
# machine set its path prefix and its scheme.
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}

# The server must not take commands through a socket in a home folder.
control_socket_disable = True

# The service writes its own log line per request.
accesslog = None
logconfig_dict = logging_config(_settings)


def when_ready(server: Any) -> None:
    """Log the open doors and the warnings of the start once the socket listens, and one if no API key is required."""
    server.log.info(f"Open doors: {', '.join(_settings.doors) or 'none'}. DOORS selects them.")
    for sentence in _warnings:
        server.log.warning(sentence)
    if _has_no_key:
        server.log.warning("Authentication is off: anyone who can reach this port has full access. Set API_KEYS.")


# Shared by all workers, because it is created before they are forked.
_workers = Workers(workers)


def pre_fork(server: Any, worker: Any) -> None:
    """Note in the parent process that a worker begins."""
    worker.slot = _workers.begin()


def child_exit(server: Any, worker: Any) -> None:
    """Note in the parent process that a worker has ended, however it ended."""
    _workers.end(worker.slot)
    _metrics.end_worker(worker.pid)


def post_worker_init(worker: Any) -> None:
    """Load the models once the socket listens, and seal the audit events left by a killed worker."""
    from api.context import services_of
    from core.metrics.process import note_memory

    os.environ.pop("SCRIPT_NAME", None)  # gunicorn would fail each request without this prefix
    services = services_of(worker.wsgi)
    services.health.readiness.join(_workers, worker.slot)
    services.health.readiness.start()
    services.audit.log.wake()
    note_memory()
