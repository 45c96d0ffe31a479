"""The service: `gunicorn main:app` serves it, `flask --app main` manages it."""

import sys

from api.factory import create_app
from core.config import SettingsError

try:
    app = create_app()
except SettingsError as error:
    sys.exit(f"The service cannot start. {error}")
