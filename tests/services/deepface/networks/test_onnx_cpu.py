"""A made network of two layers, large enough for its weights to be mapped."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from services.deepface.networks import onnx_cpu, prepared
from services.deepface.networks.onnx_cpu import OnnxRuntime
from tests.conftest import PROJECT

SIDE = 512
FACES = np.random.default_rng(1).random((3, SIDE), np.float32)


def network(seed):
    rng = np.random.default_rng(seed)
    shift, weights = rng.normal(size=SIDE).astype(np.float32), rng.normal(size=(SIDE, 32)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["faces", "shift"], ["there"]),
            helper.make_node("MatMul", ["there", "dense"], ["out"]),
        ],
        "made",
        [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", SIDE])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 32])],
        [numpy_helper.from_array(shift, "shift"), numpy_helper.from_array(weights, "dense")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "age.onnx"
    path.write_bytes(network(1))
    return path


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "graphs"


def runtime(folder=None):
    return OnnxRuntime(name="onnx", threads=1, folder=folder)


def ran(session):
    return session.run(None, {session.get_inputs()[0].name: FACES})[0]


def plain(path):
    return ran(runtime().open(str(path)))


def kept(folder):
    return [path for path in folder.iterdir() if path.is_dir()]


@pytest.fixture
def opened(monkeypatch):
    """What ONNX Runtime is given to open."""
    given = []
    real = onnx_cpu.InferenceSession
    monkeypatch.setattr(
        onnx_cpu, "InferenceSession", lambda network, **options: given.append(network) or real(network, **options)
    )
    return given


def test_the_second_opening_reads_only_what_the_first_kept_and_answers_the_same(file, folder, opened):
    expected = plain(file)
    first = ran(runtime(folder).open(str(file)))
    opened.clear()
    second = ran(runtime(folder).open(str(file)))
    assert len(opened) == 1
    assert str(file) not in opened
    assert (first.tobytes(), second.tobytes()) == (expected.tobytes(), expected.tobytes())


def test_the_weights_lie_beside_the_kept_graph_and_are_mapped(file, folder):
    session = runtime(folder).open(str(file))
    weights = kept(folder)[0] / "weights.bin"
    assert weights.stat().st_size >= SIDE * 32 * 4
    assert str(weights) in Path("/proc/self/maps").read_text()
    del session


def test_a_network_given_as_bytes_is_kept_as_well(folder, opened):
    ran(runtime(folder).open(network(1)))
    opened.clear()
    ran(runtime(folder).open(network(1)))
    assert len(opened) == 1
    assert len(opened[0]) < SIDE * 32  # the weights are outside


def test_another_file_of_the_name_takes_the_place_of_the_first(file, folder):
    runtime(folder).open(str(file))
    (before,) = kept(folder)
    file.write_bytes(network(2))
    assert np.array_equal(ran(runtime(folder).open(str(file))), plain(file))
    (after,) = kept(folder)
    assert before != after


@pytest.mark.parametrize("damaged", ["graph.onnx", "weights.bin"])
def test_what_was_kept_and_is_damaged_is_made_anew(file, folder, damaged):
    expected = plain(file)
    runtime(folder).open(str(file))
    (kept(folder)[0] / damaged).write_bytes(b"")
    assert np.array_equal(ran(runtime(folder).open(str(file))), expected)
    assert np.array_equal(ran(runtime(folder).open(str(file))), expected)
    assert (kept(folder)[0] / damaged).stat().st_size > 0


def test_what_a_killed_process_left_half_written_does_not_count(file, folder):
    draft = folder / ".draft"
    draft.mkdir(parents=True)
    (draft / "graph.onnx").write_bytes(b"half")
    assert np.array_equal(ran(runtime(folder).open(str(file))), plain(file))
    assert len(kept(folder)) == 1


def test_another_processor_gets_a_form_of_its_own(file, folder, tmp_path, monkeypatch):
    runtime(folder).open(str(file))
    (tmp_path / "cpuinfo").write_text("flags\t\t: fpu\n")
    monkeypatch.setattr(prepared, "_PROCESSORS", tmp_path / "cpuinfo")
    before = kept(folder)
    runtime(folder).open(str(file))
    assert kept(folder) != before


def test_a_folder_that_cannot_be_written_costs_only_the_time(file, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert np.array_equal(ran(runtime(tmp_path / "file" / "graphs").open(str(file))), plain(file))


def test_a_file_that_is_no_network_is_an_error(tmp_path, folder):
    (tmp_path / "age.onnx").write_bytes(b"no network")
    with pytest.raises(Exception, match="Protobuf"):
        runtime(folder).open(str(tmp_path / "age.onnx"))
    assert kept(folder) in ([], [folder / ".draft"])


def test_workers_that_start_at_once_keep_one_form(file, folder):
    program = (
        "import sys; from pathlib import Path; from services.deepface.networks.onnx_cpu import OnnxRuntime;"
        "OnnxRuntime(name='onnx', threads=1, folder=Path(sys.argv[1])).open(sys.argv[2])"
    )
    command = [sys.executable, "-c", program, str(folder), str(file)]
    quiet = os.environ | {"ORT_DISABLE_TELEMETRY": "1"}
    workers = [subprocess.Popen(command, cwd=PROJECT, env=quiet) for _ in range(3)]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0, 0]
    assert len(kept(folder)) == 1
