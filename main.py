"""The service: `gunicorn main:app` serves it, `flask --app main` manages it."""

import sys

from core.config import SettingsError
from core.factory import create_app

try:
    app = create_app()
except SettingsError as error:
    sys.exit(f"The service cannot start. {error}")
