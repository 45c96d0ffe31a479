import multiprocessing
import os

import pytest

from core.shared_json import Damaged, SharedJson

PROCESSES, CHANGES = 4, 25


@pytest.fixture
def file(tmp_path):
    return SharedJson(tmp_path / "folder" / "a.json")


def test_what_is_changed_is_read_again(file):
    assert file.read() == {}
    with file.changing() as content:
        content["a"] = [1]
    assert file.read() == {"a": [1]}


def test_an_error_changes_nothing(file):
    with pytest.raises(ZeroDivisionError), file.changing() as content:
        content["a"] = 1
        raise ZeroDivisionError
    assert file.read() == {}


def test_nothing_is_written_where_nothing_changes(file, tmp_path):
    with file.changing():
        pass
    assert not (tmp_path / "folder" / "a.json").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"{}{"])
def test_damage_is_noticed_and_only_overwritten_on_purpose(file, tmp_path, content):
    with file.changing() as changed:
        changed["a"] = 1
    (tmp_path / "folder" / "a.json").write_bytes(content)
    with pytest.raises(Damaged, match=r"a\.json is damaged"):
        file.read()
    with pytest.raises(Damaged), file.changing():
        pass
    with file.changing(anew=True) as changed:
        assert changed == {}
        changed["b"] = 2
    assert file.read() == {"b": 2}


def test_only_the_owner_may_read_it(file, tmp_path):
    with file.changing() as content:
        content["a"] = 1
    assert os.stat(tmp_path / "folder" / "a.json").st_mode & 0o777 == 0o600


def change_often(path, number):
    for turn in range(CHANGES):
        with SharedJson(path).changing() as content:
            content[f"{number} {turn}"] = content["count"] = content.get("count", 0) + 1


def test_processes_at_once_lose_no_change(tmp_path):
    path = tmp_path / "a.json"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=change_often, args=(path, number)) for number in range(PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    content = SharedJson(path).read()
    assert content.pop("count") == PROCESSES * CHANGES
    assert sorted(content.values()) == list(range(1, PROCESSES * CHANGES + 1))
