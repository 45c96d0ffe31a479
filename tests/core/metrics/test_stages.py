from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from core.exceptions import NotFound, ServiceUnavailable
from core.metrics.definitions import REGISTRY
from core.metrics.stages import (
    begin_stages,
    count_faces,
    end_stages,
    lane_wait,
    server_timing,
    stage,
    transaction,
)


@pytest.fixture
def request_():
    token = begin_stages("trial")
    yield
    end_stages(token)


def value(name, **labels):
    return REGISTRY.get_sample_value(name, labels) or 0


def counted(stage, model=""):
    return value("face_stage_duration_seconds_count", stage=stage, model=model)


def names():
    return [part.partition(";")[0] for part in server_timing().split(", ")]


def test_a_stage_is_a_metric_and_part_of_the_header_in_the_order_of_the_stages(request_):
    before = counted("embed", "Dlib"), counted("decode")
    for name, model in (("embed", "Dlib"), ("decode", ""), ("embed", "Dlib")):
        with stage(name, model):
            pass
    assert (counted("embed", "Dlib"), counted("decode")) == (before[0] + 2, before[1] + 1)
    assert names() == ["decode", "embed"]


def test_the_time_of_an_inner_stage_counts_once(request_):
    sums = [value("face_stage_duration_seconds_sum", stage=name, model="m") for name in ("detect", "align")]
    with stage("detect", "m"), stage("align", "m"):
        total = sum(range(200_000))
    assert total
    detect, align = (
        value("face_stage_duration_seconds_sum", stage=name, model="m") - before
        for name, before in zip(("detect", "align"), sums, strict=True)
    )
    assert 0 < detect < align


def test_a_stage_that_fails_is_timed_and_the_next_one_is_not_inside_it(request_):
    before = counted("liveness")
    with pytest.raises(NotFound), stage("liveness"):
        raise NotFound
    with stage("store"):
        pass
    assert counted("liveness") == before + 1
    assert names() == ["liveness", "store"]


def test_the_stages_of_a_second_thread_belong_to_the_request(request_):
    def work():
        with stage("fetch"):
            pass

    with ThreadPoolExecutor(1) as pool:
        pool.submit(copy_context().run, work).result()
    assert names() == ["fetch"]


def test_outside_requests_nothing_is_timed_but_transactions():
    before = counted("embed", "Dlib"), value("face_queue_wait_seconds_count")
    transactions = value("face_store_duration_seconds_count", operation="read")
    faces = value("face_faces_total", operation="trial")
    with stage("embed", "Dlib"), lane_wait(), transaction("read"):
        count_faces(3)
    assert (counted("embed", "Dlib"), value("face_queue_wait_seconds_count")) == before
    assert value("face_faces_total", operation="trial") == faces
    assert value("face_store_duration_seconds_count", operation="read") == transactions + 1
    assert server_timing() == ""


def test_a_transaction_is_the_stage_store_but_within_another_stage(request_):
    before = counted("store")
    with transaction("read"):
        pass
    with stage("search", "Dlib"), transaction("read"):
        pass
    assert counted("store") == before + 1
    assert names() == ["search", "store"]


def test_only_failures_of_the_database_itself_are_its_errors(request_):
    def errors():
        return value("face_store_errors_total", error_code="service_unavailable")

    before = errors()
    for error, count in ((NotFound, 0), (ServiceUnavailable, 1)):
        with pytest.raises(error), transaction("write"):
            raise error
        assert errors() == before + count


def test_an_image_that_waits_is_in_the_queue_until_it_has_its_lane(request_):
    before = value("face_queue_wait_seconds_count")
    assert value("face_queue_length") == 0
    with lane_wait():
        assert value("face_queue_length") == 1
    assert value("face_queue_length") == 0
    assert value("face_queue_wait_seconds_count") == before + 1


def test_faces_are_counted_for_the_operation_of_the_request(request_):
    before = value("face_faces_total", operation="trial")
    count_faces(3)
    assert value("face_faces_total", operation="trial") == before + 3
