"""Networks that somebody exchanges below DATA_PATH, where the service keeps what it has prepared from the weights."""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from core.encryption import Keyring
from services.deepface.networks import prepared
from services.deepface.networks.onnx_cpu import OnnxRuntime
from services.deepface.networks.prepared import PreparedFiles, PreparedNetworks
from services.deepface.networks.trunk_split import split
from tests.services.deepface.networks import test_onnx_cpu, test_trunk_split

KEY, FOREIGN = Keyring([bytes([1]) * 32]), Keyring([bytes([9]) * 32])
WEIGHTS, GRAPH, SEAL = "weights.bin", "graph.onnx", "seal"


def _seal(files: Path, keyring: Keyring, name: str) -> None:
    """A seal over the files as they are."""
    content = json.dumps(prepared._described(files)).encode()
    (files / SEAL).write_bytes(keyring.encrypt(content, b"prepared network " + name.encode()))


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _take(mine: Path, other: Path, *names: str) -> None:
    for name in names:
        shutil.copyfile(other / name, mine / name)


def _link(path: Path, target: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.symlink_to(target)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _unsealed(mine: Path, other: Path) -> None:
    _take(mine, other, WEIGHTS, GRAPH)
    (mine / SEAL).unlink()


def _sealed_by_another(mine: Path, other: Path) -> None:
    _take(mine, other, WEIGHTS, GRAPH)
    _seal(mine, FOREIGN, mine.name)


def _described_openly(mine: Path, other: Path) -> None:
    _unsealed(mine, other)
    (mine / SEAL).write_text(json.dumps(prepared._described(mine)))


def _led_elsewhere(mine: Path, other: Path) -> None:
    content = (mine / GRAPH).read_bytes()
    (mine / GRAPH).write_bytes(content.replace(b"weights.bin", b"weights.bad"))
    shutil.copyfile(other / WEIGHTS, mine / "weights.bad")


def _draft_left(mine: Path, other: Path) -> None:
    _unsealed(mine, other)
    shutil.copytree(other, mine.parent / ".draft")


# What is done to the prepared network `mine`, by somebody who has prepared the network `other` in the same way.
ATTACKS = {
    "weights of another network": lambda mine, other: _take(mine, other, WEIGHTS),
    "another network": lambda mine, other: _take(mine, other, WEIGHTS, GRAPH),
    "another network with its seal": lambda mine, other: _take(mine, other, WEIGHTS, GRAPH, SEAL),
    "another network without a seal": _unsealed,
    "another network, sealed by another key": _sealed_by_another,
    "another network, with its digests unsealed": _described_openly,
    "folder linked to another network": _link,
    "weights linked to others": lambda mine, other: _link(mine / WEIGHTS, other / WEIGHTS),
    "graph linked to another": lambda mine, other: _link(mine / GRAPH, other / GRAPH),
    "weights cut off": lambda mine, other: os.truncate(mine / WEIGHTS, 100),
    "graph cut off": lambda mine, other: os.truncate(mine / GRAPH, 10),
    "a bit of the weights": lambda mine, other: _flip(mine / WEIGHTS),
    "a bit of the graph": lambda mine, other: _flip(mine / GRAPH),
    "a bit of the seal": lambda mine, other: _flip(mine / SEAL),
    "a pipe": lambda mine, other: _pipe(mine / WEIGHTS),
    "graph that leads elsewhere": _led_elsewhere,
    "draft left behind": _draft_left,
}
NAMES = "networks: prepared ones exchanged, damaged or swapped while they are loaded, with GALLERY_KEY and without"
CASES = 2 * (2 * len(ATTACKS) + 2) + 2 * 3


def _answer(file: Path, folder: Path, keyring: Keyring | None):
    return test_onnx_cpu.ran(OnnxRuntime(name="onnx", threads=1, folder=folder, keyring=keyring).open(str(file)))


def _files(place: Path) -> tuple[Path, Path]:
    """The network of the service, and the one that somebody would like to have in its place."""
    place.mkdir(parents=True)
    (place / "fasnet.onnx").write_bytes(test_onnx_cpu.network(1))
    (place / "yes.onnx").write_bytes(test_onnx_cpu.network(2))
    return place / "fasnet.onnx", place / "yes.onnx"


def _exchanged(place: Path, attack, keyring: Keyring | None) -> bool:
    """Whether anything but the service's own network answered after the attack."""
    file, other = _files(place)
    expected = _answer(file, place / "graphs", keyring)
    _answer(other, place / "others", keyring)
    (mine,), (theirs,) = (list((place / name).glob("*-*")) for name in ("graphs", "others"))
    attack(mine, theirs)
    answers = [_answer(file, place / "graphs", keyring) for _ in range(2)]
    return not all(np.array_equal(answer, expected) for answer in answers)


def _swapped(place: Path, monkeypatch, method: str, name: str, keyring: Keyring | None) -> bool:
    """Whether a file that takes the place of the one just checked is loaded."""
    file, other = _files(place)
    expected = _answer(file, place / "graphs", keyring)
    _answer(other, place / "others", keyring)
    (theirs,) = (place / "others").glob("*-*")
    real = getattr(PreparedFiles, method)

    def swap(files, wanted):
        result = real(files, wanted)
        if wanted == name:
            (files.folder / name).rename(files.folder / "before")
            shutil.copyfile(theirs / name, files.folder / name)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(PreparedFiles, method, swap)
        answer = _answer(file, place / "graphs", keyring)
    return not np.array_equal(answer, expected)


def _trunk(place: Path, attack, keyring: Keyring | None) -> bool:
    """Whether a head or trunk of other networks is read after the attack."""
    mine, others = place / "mine", place / "other"
    for folder, seed in ((mine, 0), (others, 9)):
        folder.mkdir(parents=True)
        test_trunk_split.files(
            folder, **{name: test_trunk_split.network(seed + n, trunk=seed) for n, name in enumerate(("age", "race"))}
        )
    paths = [{name: folder / f"{name}.onnx" for name in ("age", "race")} for folder in (mine, others)]

    def contents(number):
        found = split(paths[number], place / f"cache{number}", keyring)
        return [found.content(path) for path in (found.trunk, *found.heads.values())]

    expected = contents(0)
    contents(1)
    (kept,), (theirs,) = ((place / f"cache{number}").glob("*-*") for number in (0, 1))
    attack(kept, theirs)
    return contents(0) != expected


TRUNKS = (
    lambda mine, other: _take(mine, other, "trunk.onnx"),
    lambda mine, other: shutil.copyfile(mine / "race.onnx", mine / "age.onnx"),
    lambda mine, other: _take(mine, other, "trunk.onnx", "age.onnx", "race.onnx", "plan.json", SEAL),
)


@pytest.fixture(params=[None, KEY], ids=["without a key", "with a key"])
def keyring(request):
    return request.param


def _next_start(monkeypatch, keyring):
    """The secret of another start of the service."""
    if keyring is None:
        monkeypatch.setattr(prepared, "START_KEY", os.urandom(32))


def test_exchanged_networks(tmp_path, monkeypatch, attack):
    found = []
    for kind, keyring in (("no key", None), ("key", KEY)):
        for name, deed in ATTACKS.items():
            if _exchanged(tmp_path / kind / name, deed, keyring):
                found.append(f"{kind}: {name}")

            def later(mine, other, deed=deed, keyring=keyring):
                deed(mine, other)
                _next_start(monkeypatch, keyring)

            if _exchanged(tmp_path / kind / f"{name}, later", later, keyring):
                found.append(f"{kind}: {name}, before another start")
        for method, name in (("checked", WEIGHTS), ("read", GRAPH)):
            if _swapped(tmp_path / kind / method, monkeypatch, method, name, keyring):
                found.append(f"{kind}: {name} swapped while it is loaded")
        found += [
            f"{kind}: trunk {number}"
            for number, deed in enumerate(TRUNKS)
            if _trunk(tmp_path / kind / f"trunk {number}", deed, keyring)
        ]
    attack(NAMES, CASES, found)


def test_exchanged_networks_twin(tmp_path, monkeypatch, attack):
    def trusting(self, name):
        """The files as they lie there."""
        folder = self._folder / name
        if not folder.is_dir():
            raise prepared.NotAuthentic
        return PreparedFiles(folder, prepared._described(folder))

    monkeypatch.setattr(PreparedNetworks, "_sealed", trusting)
    found = []
    for name in ("another network", "folder linked to another network", "another network without a seal"):
        with suppress(OSError):
            found += [name] if _exchanged(tmp_path / name, ATTACKS[name], KEY) else []
    found += ["trunk"] if _trunk(tmp_path / "trunk", TRUNKS[1], KEY) else []
    attack(NAMES, 4, found, twin=True)


def test_the_start_says_which_networks_it_did_not_believe_and_doctor_as_well(tmp_path, keyring, caplog):
    file, other = _files(tmp_path / "weights")
    folder = tmp_path / "graphs"
    _answer(file, folder, keyring)
    (mine,) = folder.glob("*-*")
    _answer(other, tmp_path / "others", keyring)
    (theirs,) = (tmp_path / "others").glob("*-*")
    _take(mine, theirs, WEIGHTS)
    runtime = OnnxRuntime(name="onnx", threads=1, folder=folder, keyring=keyring)
    assert runtime.rejected() == ([mine.name] if keyring else [])  # without a key only the weights can tell
    runtime.open(str(file))
    assert runtime.rejected() == [mine.name]
    assert [record.message for record in caplog.records] == [
        f"prepared network {mine.name} was not made by this service; made anew from the weights"
    ]
    assert OnnxRuntime(name="onnx", threads=1, folder=folder, keyring=keyring).rejected() == []


def test_what_was_kept_before_there_were_seals_is_no_finding_if_it_is_as_made_anew(tmp_path, keyring):
    file, _ = _files(tmp_path / "weights")
    expected = _answer(file, tmp_path / "graphs", keyring)
    (mine,) = (tmp_path / "graphs").glob("*-*")
    (mine / SEAL).unlink()
    runtime = OnnxRuntime(name="onnx", threads=1, folder=tmp_path / "graphs", keyring=keyring)
    assert np.array_equal(test_onnx_cpu.ran(runtime.open(str(file))), expected)
    assert ((mine / SEAL).exists(), runtime.rejected()) == (True, [])


def test_a_changed_key_has_the_networks_made_anew_and_an_old_one_beside_it_does_not(tmp_path, monkeypatch):
    file, _ = _files(tmp_path / "weights")
    made = []
    real = OnnxRuntime._optimize
    monkeypatch.setattr(OnnxRuntime, "_optimize", lambda *args: made.append(args) or real(*args))
    old, new = bytes([1]) * 32, bytes([2]) * 32
    for keys, count in (([old], 1), ([new, old], 1), ([new], 2), ([new], 2)):
        _answer(file, tmp_path / "graphs", Keyring(keys))
        assert len(made) == count, keys


def test_where_nothing_can_be_written_an_exchanged_network_is_not_loaded_either(tmp_path, keyring, monkeypatch):
    file, other = _files(tmp_path / "weights")
    expected = _answer(file, tmp_path / "graphs", keyring)
    _answer(other, tmp_path / "others", keyring)
    (mine,), (theirs,) = (list((tmp_path / name).glob("*-*")) for name in ("graphs", "others"))
    _take(mine, theirs, WEIGHTS)

    def refuse(*_, **__):
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(prepared, "mkdtemp", refuse)  # root writes in spite of permissions
    assert np.array_equal(_answer(file, tmp_path / "graphs", keyring), expected)
