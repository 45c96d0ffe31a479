"""Reads images from URLs, base64 strings, paths and uploads."""
