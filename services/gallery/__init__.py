"""Persons who are registered, identified and forgotten."""
