"""The routes of an application with the functions that answer them."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from api.door import Door, doors_of

API_PREFIX = "/api/v1"

_VARIABLE = re.compile(r"<(?:path:)?(\w+)>")  # variable in a route's path in Flask


def views(app: Flask) -> Iterator[tuple[str, str, Callable[..., Any]]]:
    """Yield the method, path and view of every route of the service itself, by path.

    Routes repeated under API_PREFIX appear once.
    """
    of_doors = {door.blueprint.name for door in doors_of(app)}
    for rule in _rules(app):
        if _blueprint(rule) not in of_doors and not rule.rule.startswith(API_PREFIX):
            yield from _views(app, rule)


def door_views(app: Flask, door: Door) -> Iterator[tuple[str, str, Callable[..., Any]]]:
    """Yield the method, path and view of every route of a door, by path."""
    for rule in _rules(app):
        if _blueprint(rule) == door.blueprint.name:
            yield from _views(app, rule)


def _rules(app: Flask) -> list[Rule]:
    return sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)


def _blueprint(rule: Rule) -> str:
    return str(rule.endpoint).partition(".")[0]


def _views(app: Flask, rule: Rule) -> Iterator[tuple[str, str, Callable[..., Any]]]:
    path = _VARIABLE.sub(r"{\1}", rule.rule)
    for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
        yield method, path, app.view_functions[rule.endpoint]


def summary(view: Callable[..., Any]) -> str:
    """Return the summary of a view: its docstring."""
    return inspect.getdoc(view) or ""
