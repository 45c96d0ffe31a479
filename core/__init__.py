"""The leaves every layer may use (settings, errors, images, files, logs) and the factory that composes them."""

__version__ = "0.1.0"
