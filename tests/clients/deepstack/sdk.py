"""What `deepstack-sdk` gets from a service: python sdk.py URL KEY KNOWN ANOTHER STRANGER, as JSON in the last line."""

import json
import sys

from deepstack_sdk import Face, ServerConfig

url, key, known, another, stranger = sys.argv[1:]


def refusal(client, image):
    try:
        client.recognizeFace(image)
    except Exception as error:  # the SDK raises no other
        return str(error)
    return None


def names(image, **options):
    return [(face.userid, face.confidence) for face in client.recognizeFace(image, **options)]


client = Face(ServerConfig(url, api_key=key))
found = {
    "registered": client.registerFace(images=[known, known], userid="Grace Hopper"),
    "listed": client.listFaces().list,
    "known": names(another),
    "stranger": names(stranger),
    "any stranger": names(stranger, min_confidence=0),
    "boxes": [[face.x_min, face.y_min, face.x_max, face.y_max] for face in client.detectFace(another)],
    "deleted": client.deleteFace("Grace Hopper"),
    "afterwards": client.listFaces().list,
    "no image": refusal(client, b"no image"),
    "wrong key": refusal(Face(ServerConfig(url, api_key="wrong")), known),
}
print(json.dumps(found))
