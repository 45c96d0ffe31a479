"""What `deepstack-python` gets from a service: python core.py PORT KEY KNOWN ANOTHER STRANGER, as JSON."""

import json
import sys
from pathlib import Path

import requests
from deepstack.core import DeepstackException, DeepstackFace, get_recognized_faces

port, key = sys.argv[1:3]
known, another, stranger = (Path(name).read_bytes() for name in sys.argv[3:])


def refusal(client, image):
    try:
        client.recognize(image)
    except DeepstackException as error:
        return str(error)
    return None


client = DeepstackFace("127.0.0.1", int(port), key, timeout=60)
found = {
    "messages": [client.register("Grace Hopper", known), client.register("Grace Hopper", another)],
    "listed": client.get_registered_faces(),
    "known": get_recognized_faces(client.recognize(another)),
    "stranger": client.recognize(stranger),
    "detected": len(client.detect(another)),
    "no image": refusal(client, b"no image"),
    "wrong key": refusal(DeepstackFace("127.0.0.1", int(port), "wrong", timeout=60), known),
}
# The package has no function to delete; Viseron adds one.
deleted = requests.post(
    f"http://127.0.0.1:{port}/v1/vision/face/delete", data={"userid": "Grace Hopper", "api_key": key}, timeout=60
).json()
print(json.dumps(found | {"deleted": {"success": deleted["success"]}}))
