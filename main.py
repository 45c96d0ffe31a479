"""The application: gunicorn serves `main:app`, and `python main.py` has it do so."""

import sys

from api.cli import serve
from api.factory import create_app
from core.settings import SettingsError

if __name__ == "__main__":
    serve()

try:
    app = create_app()
except SettingsError as error:
    sys.exit(f"The service cannot start. {error}")
