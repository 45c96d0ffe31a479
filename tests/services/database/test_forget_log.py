"""The log of deletions: what is in it is on disk, and what a crash cut off disturbs nobody."""

import json
import multiprocessing
import os
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from core.exceptions import ServiceUnavailable, StorageFull
from services.database.forget_log import Forget, ForgetLog
from tests.disks import filled, small_disk

AT = datetime(2026, 11, 30, 12, 0, 0, 123456, UTC)


@pytest.fixture
def log(tmp_path):
    return ForgetLog(tmp_path / "data" / "forgets.log")


def forgets(count):
    return [
        Forget(at=AT + timedelta(seconds=number), person_id=uuid4(), face_ids=(uuid4(),)) for number in range(count)
    ]


def test_what_was_appended_is_read_in_its_order(log):
    assert log.read() == []
    first, second, third = forgets(3)
    log.append([first])
    log.append([second, third])
    assert log.read() == [first, second, third]
    assert os.stat(log.path).st_mode & 0o777 == 0o600


def test_a_line_holds_ids_and_times_only(log):
    person, face = uuid4(), uuid4()
    log.append([Forget(at=AT, person_id=person, face_ids=(face,)), Forget(at=AT, face_ids=(face,))])
    assert [json.loads(line) for line in log.path.read_text().splitlines()] == [
        {"at": "2026-11-30T12:00:00.123456Z", "person_id": str(person), "face_ids": [str(face)]},
        {"at": "2026-11-30T12:00:00.123456Z", "face_ids": [str(face)]},
    ]


def test_a_line_that_a_crash_cut_off_is_left_out_and_takes_no_other_with_it(log):
    first, second, third = forgets(3)
    log.append([first, second])
    os.truncate(log.path, log.path.stat().st_size - 20)
    assert log.read() == [first]
    log.append([third])
    assert log.read() == [first, third]


def append_each(path, several):
    for one in several:
        ForgetLog(path).append([one])


def test_several_processes_append_at_once(log):
    shares = [forgets(50) for _ in range(4)]
    processes = [multiprocessing.Process(target=append_each, args=(log.path, share)) for share in shares]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    found = log.read()
    assert sorted(one.person_id for one in found) == sorted(one.person_id for share in shares for one in share)
    for share in shares:
        assert [one for one in found if one in share] == share


def test_a_full_disk_is_said_and_leaves_whole_lines(tmp_path):
    with small_disk(tmp_path / "disk", 1) as disk:
        log = ForgetLog(disk / "forgets.log")
        log.append(forgets(1))
        before = log.path.read_bytes()
        with filled(disk), pytest.raises(StorageFull):
            log.append(forgets(100))
        assert log.path.read_bytes() == before
        log.append(forgets(1))
        assert len(log.read()) == 2


def test_a_log_that_cannot_be_written_is_said_without_its_path(log):
    log.path.mkdir(parents=True)
    with pytest.raises(ServiceUnavailable, match="log of deletions in DATA_PATH cannot be written") as error:
        log.append(forgets(1))
    assert str(log.path.parent) not in error.value.message
