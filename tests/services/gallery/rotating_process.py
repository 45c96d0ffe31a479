"""Encrypts a gallery anew, and is there to be killed.

`python -m tests.services.gallery.rotating_process <url> <key>...` prints how many faces are done, again and again.
"""

import sys

from core.encryption import Keyring
from services.database.choice import make_database
from services.gallery import maintenance
from services.gallery.maintenance import KeyRotationService
from services.gallery.store.reencryption import FaceReencryption

if __name__ == "__main__":
    url, *keys = sys.argv[1:]
    maintenance._ENCRYPTED_AT_ONCE = 10
    keyring = Keyring(map(bytes.fromhex, keys))
    rotation = KeyRotationService(faces=FaceReencryption(make_database(url, keyring)))
    rotation.rotate(lambda done, _: print(done, flush=True))
