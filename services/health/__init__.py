"""Readiness, self-test and diagnosis of the service."""
