"""The doors: APIs of other systems, whose clients the service answers as those systems do.

A door is a module here, or a package, with its bodies in `schemas/compat/` under the same name. Its routes read, call
one service and translate. Keys, scopes, collections, limits, the queue and the audit trail are those of every endpoint.
"""

from api.compat import compreface, deepface, deepstack, dev, face_api, localai
from api.door import Door

_ALL = (
    *(localai.DOOR, deepface.DOOR, dev.DOOR, face_api.DOOR),
    *(compreface.DOOR, compreface.STATIC_DOOR, deepstack.DOOR),
)

DOORS: dict[str, Door] = {door.name: door for door in _ALL}
