"""The service's own endpoints, one file per group."""

from api.v1 import audit, docs, faces, find, gallery, persons, service

BLUEPRINTS = tuple(group.blueprint for group in (service, docs, faces, find, gallery, persons, audit))
