"""Settings, errors, images, files and logs: every package may import them, and they import no other package."""

__version__ = "1.0.0"
