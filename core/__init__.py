"""The leaves that every room may use: settings, errors, images, files, logs."""

__version__ = "0.1.0"
