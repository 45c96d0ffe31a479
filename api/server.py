"""How gunicorn serves `main:app`: its configuration, by the settings."""

import sys
from typing import Any

from core.config import SettingsError, load_settings
from core.exceptions import ServiceUnavailable
from core.logging import logging_config
from core.process import prepare_process

try:
    _settings = load_settings()
    prepare_process(_settings)
    # Only now, since it imports numpy. A worker that ended over a wrong default would be started again for ever.
    from services.preflight import begin_sealed, has_no_key, require_known_defaults, require_sound_weights

    require_known_defaults(_settings)
    require_sound_weights(_settings)
    _not_encrypted = begin_sealed(_settings)
    try:
        _has_no_key: bool | None = has_no_key(_settings)
    except ServiceUnavailable:  # and so it is to every request that needs a key
        _has_no_key = None
    if _settings.require_auth and _has_no_key:
        raise SettingsError("REQUIRE_AUTH: there is no key; set API_KEYS, or: face-service keys create --help")
except SettingsError as error:
    sys.exit(f"The service cannot start. {error}")

wsgi_app = "main:app"
bind = f"{_settings.host}:{_settings.port}"
reload = _settings.debug

# Each process loads the models anew and has a queue and an index in memory of its own; one uses all cores already.
workers = _settings.workers
worker_class = "gthread"

# A thread for every request that may run or wait, so that the next is refused at once rather than left in the socket's
# backlog, and some that are never in the queue: for /health, and for those who are still reading their bodies.
threads = _settings.lanes + _settings.queue_max + 16

# A key is never removed: a worker that starts later and finds none, since the database has vanished, is not open.
raw_env = ["REQUIRE_AUTH=true"] if _has_no_key is False else []

# The frameworks are imported after the fork: their thread pools do not survive one.
preload_app = False

# Of a thread worker this bounds the heartbeat, not a request, whose deadline is the service's own. Loading a framework
# holds Python's lock for seconds.
timeout = 60

# SIGTERM: a request may start just before its deadline, and two photos of 30 megapixels then take 23 s.
graceful_timeout = int(_settings.request_timeout_s) + 30

# Longer than nginx keeps an idle upstream connection (60 s), so that it is nginx that closes and no request is lost.
keepalive = 75

# Nobody commands the server through a socket in somebody's home.
control_socket_disable = True

# The service writes its own line per request.
accesslog = None
logconfig_dict = logging_config(_settings)


def when_ready(server: Any) -> None:
    """The socket listens; say so loudly if nobody needs a key, or not everything is encrypted that was to be."""
    for sentence in _not_encrypted:
        server.log.warning(sentence)
    if _has_no_key:
        server.log.warning("ANYBODY WHO REACHES THIS PORT MAY USE EVERYTHING: there is no key, see API_KEYS")


def post_worker_init(worker: Any) -> None:
    """The socket listens; begin to load the models, and seal what a worker that was killed has left."""
    from api.context import services_of

    services = services_of(worker.wsgi)
    services.health.readiness.start()
    services.audit.log.wake()
