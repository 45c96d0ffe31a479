"""Builds every service: the one room that knows all others."""
