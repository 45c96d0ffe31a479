"""Makes the calls of its input with CompreFace's Python SDK, each with a new object; prints the answers as JSON."""

import json
import os
import sys

from compreface import CompreFace


def answer(service, part, method, arguments):
    """The answer to one call: of recognition, verification or detection, or of a part of recognition."""
    made = getattr(CompreFace("http://127.0.0.1", os.environ["PORT"]), f"init_face_{service}")(os.environ["API_KEY"])
    return getattr(getattr(made, f"get_{part}")() if part else made, method)(*arguments)


print(json.dumps([answer(*call) for call in json.load(sys.stdin)]))
