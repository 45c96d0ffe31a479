"""Middleware: runs before and after every route."""
