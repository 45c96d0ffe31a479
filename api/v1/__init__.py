"""The native endpoints, one file a group."""

from api.v1 import audit, docs, faces, find, gallery, persons, service

BLUEPRINTS = tuple(group.blueprint for group in (service, docs, faces, find, gallery, persons, audit))
