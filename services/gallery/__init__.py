"""Registering, identifying and forgetting persons."""
