"""Pickles against the process that reads them: watched by an audit hook, and beside a file that must not appear."""

import json
import random
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from services.find.deepface_import import pickles
from services.find.deepface_import.pickles import UnreadablePickle, recorded_faces
from tests.conftest import PROJECT
from tests.deepface_files import DIMENSION, PKL
from tests.security.hostile_pickles import costly, executing, mutated, seeds, spliced

WATCHED = "pickles: hostile, watched while they are read"
IMPORTED = "pickles: hostile, imported"
MUTATED = "pickles: mutated"

HERE = Path(__file__).parent
READER = PROJECT / "services" / "find" / "deepface_import" / "pickle_process.py"


class Watcher:
    """A process that reads payloads one after the other, begun anew where one of them ended it."""

    def __init__(self, way, folder):
        self._command = [sys.executable, "-I", "-S", str(HERE / "pickle_watcher.py"), way, str(READER)]
        self._folder = folder
        self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def judge(self, payload):
        """What became of the payload, and the audit events there were."""
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self._folder,
            )
        self._process.stdin.write(struct.pack("<I", len(payload)) + payload)
        self._process.stdin.flush()
        if line := self._process.stdout.readline():
            return tuple(json.loads(line))
        self.__exit__()
        return "died", []


@pytest.fixture
def canary(tmp_path):
    return tmp_path / "canary"


@pytest.fixture
def watch(tmp_path):
    """Judges pickles our way, or Python's: an outcome and audit events for each."""

    def judged(payloads, way="ours"):
        with Watcher(way, tmp_path) as watcher:
            return [watcher.judge(payload) for payload in payloads]

    return judged


def events(names, judged):
    return [f"{name}: {happened}" for name, (_, happened) in zip(names, judged, strict=True) if happened]


def test_honest_pickles_are_read(watch):
    assert watch(seeds()) == [("5 rows", [])] * len(seeds())


def test_hostile_pickles(watch, canary, attack):
    payloads = executing(canary) | costly()
    judged = watch(payloads.values())
    read = [name for name, (outcome, _) in zip(payloads, judged, strict=True) if outcome not in ("refused", "died")]
    attack(WATCHED, len(payloads), events(payloads, judged) + read + ["canary"] * canary.exists())


def test_hostile_pickles_twin(tmp_path, canary, attack):
    judged, made = [], set()
    payloads = executing(canary)
    with Watcher("plain", tmp_path) as watcher:
        for name, payload in payloads.items():
            judged.append(watcher.judge(payload))
            if canary.exists():
                made.add(name)
                canary.unlink()
    ran = events(payloads, judged)
    assert len(ran) == len(payloads)
    assert made >= {"os.system", "builtins.exec", "io.open", "INST", "OBJ", "STACK_GLOBAL", "BUILD", "EXT1", "EXT4"}
    attack(WATCHED, len(payloads), ran, twin=True)


def imported(payloads, folder):
    """The payloads of which the process that reads them for us gave rows."""
    file, read = folder / PKL, []
    for name, payload in payloads.items():
        file.write_bytes(payload)
        try:
            read.append(f"{name}: {len(list(recorded_faces(file, DIMENSION)))} rows")
        except UnreadablePickle as error:
            assert str(folder) not in str(error)
    return read


def test_hostile_pickles_through_the_real_process(canary, tmp_path, attack):
    payloads = executing(canary) | costly()
    attack(IMPORTED, len(payloads), imported(payloads, tmp_path) + ["canary"] * canary.exists())


def test_hostile_pickles_through_the_real_process_twin(canary, tmp_path, attack, monkeypatch):
    monkeypatch.setattr(pickles, "_READER", HERE / "weak_reader.py")
    payloads = {name: executing(canary)[name] for name in ("os.system", "builtins.exec", "INST", "STACK_GLOBAL")}
    payloads["another object"] = costly()["another object"]
    read = imported(payloads, tmp_path)
    attack(IMPORTED, 0, read + ["canary"] * canary.exists(), twin=True, noticing=["canary", "another object: 1 rows"])


def test_mutated_pickles(watch, canary, attack, cases):
    honest, code = seeds(), list(executing(canary).values())
    numbers = range(cases(2000, 20_000))
    judged = watch(mutated(number, honest, code) for number in numbers)
    outcomes = Counter(outcome for outcome, _ in judged)
    assert {"5 rows", "refused"} <= outcomes.keys()
    attack(MUTATED, len(judged), events(numbers, judged) + ["canary"] * canary.exists())


def test_mutated_pickles_twin(watch, canary, attack):
    honest, code = seeds(), list(executing(canary).values())
    # Not damaged besides: what a damaged command would do here nobody knows.
    payloads = [spliced(random.Random(number), honest[number % len(honest)], code) for number in range(100)]
    ran = events(range(100), watch(payloads, "plain"))
    assert canary.exists()
    attack(MUTATED, len(payloads), ran, twin=True)


RIGHTS = ("open", "write", "socket", "pipe", "memory", "append")

TRIED = """
import importlib.util, json, os, socket, sys
spec = importlib.util.spec_from_file_location("reader", sys.argv[1])
reader = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reader)
attempts = {
    "open": lambda: open("/etc/passwd"),
    "write": lambda: open("made", "w"),
    "socket": socket.socket,
    "pipe": os.pipe,
    "memory": lambda: bytearray(2**29),
    "append": lambda: (os.lseek(2, 0, 2), os.write(2, b"x")),
}
confined = sys.argv[2] == "confined"
if confined:
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    reader.confine(0)
done = []
for name, attempt in attempts.items():
    try:
        attempt()
        done.append(name)
    except (OSError, MemoryError):
        pass
print(json.dumps(done))
"""


@pytest.mark.parametrize("way", ["confined", "free"])
def test_rights_of_the_reading_process(way, tmp_path, attack):
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-W", "ignore", "-I", "-S", "-c", TRIED, str(READER), way]
        done = json.loads(subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=log, check=True).stdout)
    attack("pickles: rights of the process that reads them", 6, done, twin=way == "free", noticing=RIGHTS)
