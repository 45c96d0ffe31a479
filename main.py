"""The service: `gunicorn main:app` serves it, `flask --app main` manages it."""

from core.factory import create_app

app = create_app()
