"""An archive of weights: written, read, and all that may be wrong with one."""

import hashlib
import io
import json
import os
import random
import tarfile

import pytest

from services.models.bundles import BadBundle, WeightBundles
from services.models.catalogue.catalogue import find
from services.models.weights import Weights

MODELS = (find("ArcFace"), find("MiniFASNet"))
FILES = [file for model in MODELS for file in model.files]
CONTENTS = {file.name: os.urandom(1000 + number) for number, file in enumerate(FILES)}


def nothing(done, total):
    pass


def filled(home):
    weights = Weights(home)
    for file in FILES:
        weights.path(file).parent.mkdir(parents=True, exist_ok=True)
        weights.path(file).write_bytes(CONTENTS[file.name])
    return weights


@pytest.fixture
def bundle(tmp_path):
    """An archive of three files."""
    path = tmp_path / "bundle.tar"
    assert WeightBundles(weights=filled(tmp_path / "from")).write(path, MODELS, nothing) == list(CONTENTS)
    return path


@pytest.fixture
def weights(tmp_path):
    return Weights(tmp_path / "to")


def here(weights):
    folder = weights.path(FILES[0]).parent
    names = (name for name in os.listdir(folder)) if folder.is_dir() else ()
    return {name: (folder / name).read_bytes() for name in names if name not in ("weights.lock", ".fetching")}


def read(weights, path):
    return WeightBundles(weights=weights).read(path, nothing)


def entry(name, content):
    return {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def made(path, entries, members, manifest=None):
    """An archive of this manifest and these members, each a TarInfo and its content."""
    said = json.dumps({"format": "face-service weights 1", "files": entries} if manifest is None else manifest)
    with tarfile.open(path, "w") as archive:
        for member, content in [(member_of("manifest.json", said.encode()), said.encode()), *members]:
            archive.addfile(member, io.BytesIO(content))
    return path


def member_of(name, content, kind=tarfile.REGTYPE, link=""):
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = len(content), kind, link
    return member


def test_what_was_bundled_is_imported_and_expected_from_then_on(weights, bundle):
    seen = []
    assert WeightBundles(weights=weights).read(bundle, lambda *done: seen.append(done)) == list(CONTENTS)
    assert here(weights) == CONTENTS
    assert seen[-1][0] == seen[-1][1] == sum(map(len, CONTENTS.values()))
    weights.path(FILES[0]).write_bytes(b"x" * 1000)
    assert "expected SHA-256" in weights.problem(FILES[0])
    assert read(weights, bundle) == list(CONTENTS)
    assert here(weights) == CONTENTS


def test_the_same_files_make_the_same_archive(tmp_path, bundle):
    other = tmp_path / "other.tar"
    WeightBundles(weights=filled(tmp_path / "elsewhere")).write(other, MODELS, nothing)
    assert other.read_bytes() == bundle.read_bytes()


def test_a_missing_or_wrong_file_is_not_bundled_and_what_was_there_stays(tmp_path, bundle):
    weights, before = Weights(tmp_path / "from"), bundle.read_bytes()
    for spoil, said in ((lambda path: path.write_bytes(b"x"), "expected"), (lambda path: path.unlink(), "fetch it")):
        spoil(weights.path(FILES[1]))
        with pytest.raises(BadBundle, match=f"{FILES[1].name}.*{said}"):
            WeightBundles(weights=weights).write(bundle, MODELS, nothing)
    with pytest.raises(BadBundle, match="no files"):
        WeightBundles(weights=weights).write(bundle, [find("opencv")], nothing)
    assert bundle.read_bytes() == before


NAME = FILES[0].name
CONTENT = CONTENTS[NAME]
GOOD = (member_of(f"weights/{NAME}", CONTENT), CONTENT)


@pytest.mark.parametrize(
    ("entries", "members", "said"),
    [
        ([entry(NAME, CONTENT)], [], "lacks a file that its manifest names"),
        ([], [GOOD], "manifest does not name"),
        ([entry(NAME, CONTENT)], [GOOD, GOOD], "manifest does not name"),
        ([entry(NAME, CONTENT)] * 2, [GOOD, GOOD], "twice"),
        ([entry(NAME, b"x")], [GOOD], "manifest does not name"),
        ([entry(NAME, b"x" * 1000)], [GOOD], "is damaged: expected SHA-256"),
        ([entry("../../canary", CONTENT)], [(member_of("weights/../../canary", CONTENT), CONTENT)], "No model has"),
        ([entry("/tmp/canary", CONTENT)], [(member_of("/tmp/canary", CONTENT), CONTENT)], "No model has"),
        ([entry("weights.lock", CONTENT)], [(member_of("weights/weights.lock", CONTENT), CONTENT)], "No model has"),
        ([entry(NAME, b"")], [(member_of(f"weights/{NAME}", b"", tarfile.SYMTYPE, "/etc/passwd"), b"")], "not name"),
        ([entry(NAME, b"")], [(member_of(f"weights/{NAME}", b"", tarfile.LNKTYPE, "manifest.json"), b"")], "not name"),
        ([entry(NAME, b"")], [(member_of(f"weights/{NAME}", b"", tarfile.FIFOTYPE), b"")], "not name"),
        ([entry(NAME, b"")], [(member_of(f"weights/{NAME}", b"", tarfile.DIRTYPE), b"")], "not name"),
        ([entry(NAME, CONTENT)], [(member_of("link", b"", tarfile.SYMTYPE, ".."), b""), GOOD], "not name"),
        (
            [entry("face_recognition_sface_2021dec.onnx", CONTENT)],
            [(member_of("weights/face_recognition_sface_2021dec.onnx", CONTENT), CONTENT)],
            "face_recognition_sface_2021dec.onnx: expected SHA-256 0ba9fbfa",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_an_archive_that_is_not_what_it_says_puts_nothing_in_place(weights, tmp_path, entries, members, said):
    with pytest.raises(BadBundle, match=said):
        read(weights, made(tmp_path / "made.tar", entries, members))
    assert here(weights) == {}
    assert not list(tmp_path.rglob("canary"))


def test_a_good_file_before_a_bad_one_is_not_put_in_place_either(weights, tmp_path):
    other = FILES[1].name
    entries = [entry(NAME, CONTENT), entry(other, CONTENTS[other])]
    damaged = bytes(len(CONTENTS[other]))
    with pytest.raises(BadBundle, match=f"{other} is damaged"):
        read(weights, made(tmp_path / "made.tar", entries, [GOOD, (member_of(f"weights/{other}", damaged), damaged)]))
    assert here(weights) == {}


@pytest.mark.parametrize(
    "manifest", [[], {}, {"format": "else", "files": []}, {"format": "face-service weights 1"}, "x"]
)
def test_a_manifest_that_cannot_be_read_is_one_line(weights, tmp_path, manifest):
    with pytest.raises(BadBundle, match="manifest of the archive cannot be read"):
        read(weights, made(tmp_path / "made.tar", [], [], manifest=manifest))


def test_what_is_no_archive_is_refused(weights, tmp_path, bundle):
    path = tmp_path / "made.tar"
    for content in (b"", b"no archive", bundle.read_bytes()[:1500], bundle.read_bytes()[1024:]):
        path.write_bytes(content)
        with pytest.raises(BadBundle):
            read(weights, path)
    assert here(weights) == {}


def test_an_archive_of_other_weights_than_were_recorded_here_is_refused(tmp_path, bundle):
    weights = filled(tmp_path / "to")
    weights.path(FILES[0]).write_bytes(b"first seen here")
    assert weights.problems(MODELS[0]) == []
    with pytest.raises(BadBundle, match=f"{NAME}: expected SHA-256"):
        read(weights, bundle)
    assert here(weights)[NAME] == b"first seen here"


def test_no_damaged_byte_puts_anything_else_in_place(tmp_path, bundle):
    content, chance = bundle.read_bytes(), random.Random(1)
    path = tmp_path / "damaged.tar"
    for number in range(150):
        position = chance.randrange(len(content))
        damaged = bytearray(content)
        damaged[position] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        weights = Weights(tmp_path / f"to-{number}")
        try:
            read(weights, path)
        except BadBundle:
            assert here(weights) == {}, position
        else:  # a byte that means nothing: padding, or an owner
            assert here(weights) == CONTENTS, position


def test_what_a_killed_import_left_is_cleared_away_by_the_next(weights, bundle):
    stage = weights.path(FILES[0]).parent / ".staged"
    stage.mkdir(parents=True)
    (stage / "0").write_bytes(b"half")
    read(weights, bundle)
    assert here(weights) == CONTENTS
