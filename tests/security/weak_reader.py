"""Reads a pickle as most programs do, and gives one row whatever it holds."""

import json
import pickle
import sys

pickle.load(sys.stdin.buffer)
print(json.dumps(["/faces/a.png", "0" * 40, [1, 1, 1, 1], None]))
print("null")
