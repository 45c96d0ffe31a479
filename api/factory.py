"""Creates the application from settings, services and routes."""

import logging.config
from typing import TYPE_CHECKING

from flask import Flask

from core.logging import logging_config
from core.process import prepare_process
from core.settings import Settings, load_settings

if TYPE_CHECKING:
    from services.deepface.interface import Engine


def create_app(settings: Settings | None = None, *, engine: "Engine | None" = None) -> Flask:
    """Return a Flask application with these settings (default: from the environment); `engine` replaces DeepFace.

    Raises:
        SettingsError: the service cannot start with the value of a setting.
    """
    settings = settings or load_settings()
    prepare_process(settings)
    # Imported only now: OpenCV and the frameworks read the prepared environment at import.
    from api.cli.audit import audit
    from api.cli.backup import backup, restore
    from api.cli.doctor import doctor
    from api.cli.gallery import database, gallery
    from api.cli.imports import imports
    from api.cli.index import index
    from api.cli.keys import keys
    from api.cli.weights import weights
    from api.compat import DOORS
    from api.context import attach
    from api.door import open_doors
    from api.errors import init_errors
    from api.inputs import WholeRequest
    from api.middleware.authentication import init_callers, init_scopes
    from api.middleware.body_memory import init_body_memory
    from api.middleware.browser_headers import init_browsers
    from api.middleware.foreign_pages import init_foreign_pages
    from api.middleware.proxies import init_proxies
    from api.middleware.rate_limits import init_address_limit, init_key_limit
    from api.middleware.request_log import init_lifecycle
    from api.v1 import BLUEPRINTS
    from api.views import API_PREFIX
    from core.tracing import begin_tracing
    from services.bootstrap.build import build_services

    logging.config.dictConfig(logging_config(settings))
    begin_tracing()
    app = Flask("face-service", static_folder=None)
    app.request_class = WholeRequest
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # a redirect would lose the body, so such a path is not found
    attach(app, build_services(settings, engine=engine))
    init_lifecycle(app)
    init_errors(app)
    init_body_memory(app)
    init_browsers(app)
    init_proxies(app)
    init_address_limit(app)  # the order of the calls is the order of the checks
    init_foreign_pages(app)
    init_callers(app)
    init_key_limit(app)
    init_scopes(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
        app.register_blueprint(blueprint, name=f"api_{blueprint.name}", url_prefix=API_PREFIX)
    open_doors(app, [DOORS[name] for name in settings.doors])
    for command in (weights, index, gallery, imports, database, keys, audit, backup, restore, doctor):
        app.cli.add_command(command)
    return app
