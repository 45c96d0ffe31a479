"""`gunicorn` alone serves as `face-service serve` does."""

from api.server import *  # noqa: F403  # gunicorn reads every name of a configuration
