"""The service's own endpoints, one file per group."""

from api.v1 import access, audit, console, docs, faces, find, gallery, persons, service

BLUEPRINTS = tuple(group.blueprint for group in (service, docs, console, faces, find, gallery, persons, audit, access))
