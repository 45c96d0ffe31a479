"""Encrypts a gallery anew, and is there to be killed.

`python -m tests.services.gallery.rotating_process <url> <key>...` prints how many faces are done, again and again.
"""

import sys
from pathlib import Path

from core.encryption import Keyring
from services.database.database import Database
from services.find.store import FileFolderIndexStore
from services.gallery import maintenance
from services.gallery.maintenance import KeyRotationService
from services.gallery.store.reencryption import SqlFaceSealer

if __name__ == "__main__":
    url, *keys = sys.argv[1:]
    maintenance._AT_ONCE = 10
    keyring = Keyring(map(bytes.fromhex, keys))
    indexes = FileFolderIndexStore(Path("nowhere"), keyring)
    rotation = KeyRotationService(faces=SqlFaceSealer(Database(url, keyring)), indexes=indexes)
    rotation.rotate(lambda done, _: print(done, flush=True))
