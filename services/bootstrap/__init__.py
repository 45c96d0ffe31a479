"""Builds every service; the only package that imports all others."""
