"""A process that reads pickles, ours or Python's way, and says what each made it do: run by path, as our reader is.

Called with `ours` or `plain` and the path of our reader. Standard input brings payloads, each behind its length as four
bytes; for each standard output gives a line of JSON: the outcome, and every audit event there was meanwhile.
"""

import copyreg
import importlib.util
import io
import json
import pickle
import struct
import sys

DIMENSION = 128
ROOM = 2**26  # the size that the limits on memory and time are made for: many payloads, one after the other

# Our reader packs embeddings in an array; and an unpickler that gives up halfway through a bytearray tells Python's own
# hook for errors, which no pickle can have replaced, that memory was still in use.
HARMLESS = {"array.__new__", "sys.excepthook"}

way, path = sys.argv[1:]
spec = importlib.util.spec_from_file_location("reader", path)
reader = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reader)

for code, (module, name) in {
    0x1: ("os", "system"),
    0x201: ("posix", "system"),
    0x4030201: ("subprocess", "getoutput"),
}.items():
    copyreg.add_extension(module, name, code)

watching = set()  # the outcome is written down by calls that are events themselves
events = []


def hook(event, arguments):
    if watching and event not in HARMLESS:
        watching.clear()
        events.append(f"{event} {arguments!r:.200}")
        watching.add(True)


if way == "ours":
    reader.confine(ROOM)
sys.addaudithook(hook)
while header := sys.stdin.buffer.read(4):
    payload = sys.stdin.buffer.read(*struct.unpack("<I", header))
    events.clear()
    watching.add(True)
    try:
        if way == "ours":
            outcome = f"{len(list(reader.lines(io.BytesIO(payload), len(payload), DIMENSION))) - 1} rows"
        else:
            pickle.loads(payload)
            outcome = "loaded"
    except BaseException:
        outcome = "refused"
    watching.clear()
    print(json.dumps([outcome, events]), flush=True)
