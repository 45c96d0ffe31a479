"""Made networks: a convolution as the trunk, and a dense layer behind it."""

import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from services.deepface.networks.trunk_split import split
from tests.conftest import PROJECT

SIDE_PX = 16
FACES = np.random.default_rng(5).random((3, SIDE_PX, SIDE_PX, 3), np.float32)
FEATURES = 4 * 7 * 7


def network(seed, *, trunk=0, batch="n", names="", tail="Softmax", costly=True):
    """A network whose trunk comes from the seed `trunk`, and what is behind it from `seed`."""
    first, own = np.random.default_rng(trunk), np.random.default_rng(1000 + seed)
    kernel = first.normal(size=(4, 3, 3, 3)).astype(np.float32)
    dense = own.normal(size=(FEATURES, 5)).astype(np.float32)
    middle = [
        helper.make_node("Conv", [f"{names}planes", f"{names}kernel"], [f"{names}found"]),
        helper.make_node("Relu", [f"{names}found"], [f"{names}positive"]),
        helper.make_node("MaxPool", [f"{names}positive"], [f"{names}pooled"], kernel_shape=[2, 2], strides=[2, 2]),
    ]
    if not costly:
        middle = [helper.make_node("Identity", [f"{names}planes"], [f"{names}pooled"])]
        dense = own.normal(size=(3 * SIDE_PX * SIDE_PX, 5)).astype(np.float32)
    nodes = [
        helper.make_node("Transpose", [f"{names}faces"], [f"{names}planes"], perm=[0, 3, 1, 2]),
        *middle,
        helper.make_node("Flatten", [f"{names}pooled"], [f"{names}flat"]),
        helper.make_node("MatMul", [f"{names}flat", f"{names}dense"], [f"{names}scores"]),
        helper.make_node(tail, [f"{names}scores"], [f"{names}out"]),
    ]
    weights = [numpy_helper.from_array(dense, f"{names}dense")]
    weights += [numpy_helper.from_array(kernel, f"{names}kernel")] if costly else []
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info(f"{names}faces", TensorProto.FLOAT, [batch, SIDE_PX, SIDE_PX, 3])],
        [helper.make_tensor_value_info(f"{names}out", TensorProto.FLOAT, [batch, 5])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def files(folder, **networks):
    for name, model in networks.items():
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
    return {name: folder / f"{name}.onnx" for name in networks}


def ran(path, pictures):
    session = onnxruntime.InferenceSession(str(path))
    return session.run(None, {session.get_inputs()[0].name: pictures})[0]


def costly_nodes(path):
    return sum(node.op_type == "Conv" for node in onnx.load(str(path)).graph.node)


def test_networks_on_one_trunk_answer_the_same_when_it_runs_once(tmp_path):
    paths = files(tmp_path, age=network(1), gender=network(2, names="other_"), race=network(3, tail="Sigmoid"))
    found = split(paths, tmp_path / "cache")
    assert set(found.heads) == {"age", "gender", "race"}
    features = ran(found.trunk, FACES)
    assert (costly_nodes(found.trunk), [costly_nodes(path) for path in found.heads.values()]) == (1, [0, 0, 0])
    for name, head in found.heads.items():
        assert np.array_equal(ran(head, features), ran(paths[name], FACES)), name


def test_a_weight_that_differs_by_a_bit_is_not_shared(tmp_path):
    other = network(2)
    kernel = next(tensor for tensor in other.graph.initializer if tensor.name == "kernel")
    kernel.raw_data = bytes([kernel.raw_data[0] ^ 1]) + kernel.raw_data[1:]
    assert split(files(tmp_path, age=network(1), gender=other), tmp_path / "cache") is None


def test_those_that_share_are_found_among_those_that_do_not(tmp_path):
    paths = files(tmp_path, age=network(1), emotion=network(2, trunk=9), race=network(3))
    assert set(split(paths, tmp_path / "cache").heads) == {"age", "race"}


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_networks_share_nothing(tmp_path, count):
    paths = files(tmp_path, **{"age": network(1)} if count else {})
    assert split(paths, tmp_path / "cache") is None


def test_what_costs_nothing_is_not_shared(tmp_path):
    paths = files(tmp_path, age=network(1, costly=False), gender=network(2, costly=False))
    assert split(paths, tmp_path / "cache") is None


def test_networks_that_are_the_same_to_the_end_are_cut_behind_the_last_value_they_share(tmp_path):
    paths = files(tmp_path, age=network(1), gender=network(1, names="other_"))
    found = split(paths, tmp_path / "cache")
    features = ran(found.trunk, FACES)
    for name, head in found.heads.items():
        assert np.array_equal(ran(head, features), ran(paths[name], FACES))


def test_a_network_of_one_face_at_a_time_does_not_share_with_those_of_many(tmp_path):
    paths = files(tmp_path, age=network(1), gender=network(3), race=network(2, batch=1))
    found = split(paths, tmp_path / "cache")
    assert set(found.heads) == {"age", "gender"}
    assert np.array_equal(ran(found.heads["age"], ran(found.trunk, FACES)), ran(paths["age"], FACES))


def test_weights_that_are_constants_or_listed_as_inputs_are_shared_as_well(tmp_path):
    constant, listed = network(2), network(3)
    (kernel,) = (tensor for tensor in constant.graph.initializer if tensor.name == "kernel")
    node = helper.make_node("Constant", [], ["kernel"], value=kernel)
    constant.graph.node.insert(0, node)
    constant.graph.initializer.remove(kernel)
    for tensor in listed.graph.initializer:
        listed.graph.input.append(helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, tensor.dims))
    paths = files(tmp_path, age=network(1), gender=constant, race=listed)
    found = split(paths, tmp_path / "cache")
    assert set(found.heads) == {"age", "gender", "race"}
    for name, head in found.heads.items():
        # ONNX Runtime optimises less where a weight is an input, so the last digits differ.
        assert ran(head, ran(found.trunk, FACES)) == pytest.approx(ran(paths[name], FACES), abs=1e-6), name


def test_networks_are_not_cut_where_faces_are_mixed_up(tmp_path):
    turned = [network(1), network(2)]
    for model in turned:
        model.graph.node[-3].input[0] = "turned"
        model.graph.node.insert(4, helper.make_node("Transpose", ["pooled"], ["turned"], perm=[1, 0, 2, 3]))
        model.graph.node[5].attribute.append(helper.make_attribute("axis", 1))
        model.graph.node[5].input[0] = "back"
        model.graph.node.insert(5, helper.make_node("Transpose", ["turned"], ["back"], perm=[1, 0, 2, 3]))
    paths = files(tmp_path, age=turned[0], gender=turned[1])
    found = split(paths, tmp_path / "cache")
    for name, head in found.heads.items():
        assert onnxruntime.InferenceSession(str(head)).get_inputs()[0].shape[0] == "n"
        assert np.array_equal(ran(head, ran(found.trunk, FACES)), ran(paths[name], FACES)), name


def test_what_was_cut_is_kept_until_a_file_changes(tmp_path):
    paths = files(tmp_path, age=network(1), gender=network(2))
    first = split(paths, tmp_path / "cache")
    written = first.trunk.stat().st_mtime_ns
    assert split(paths, tmp_path / "cache") == first
    assert first.trunk.stat().st_mtime_ns == written
    files(tmp_path, gender=network(4))
    second = split(paths, tmp_path / "cache")
    assert not first.trunk.exists()
    assert np.array_equal(ran(second.heads["gender"], ran(second.trunk, FACES)), ran(paths["gender"], FACES))


def test_a_cut_that_was_broken_off_is_made_again(tmp_path):
    paths = files(tmp_path, age=network(1), gender=network(2))
    found = split(paths, tmp_path / "cache")
    found.heads["age"].write_bytes(b"half")
    (found.trunk.parent / "plan.json").unlink()
    assert np.array_equal(
        ran(split(paths, tmp_path / "cache").heads["age"], ran(found.trunk, FACES)), ran(paths["age"], FACES)
    )


def test_workers_that_start_at_once_agree(tmp_path):
    paths = files(tmp_path, age=network(1), gender=network(2))
    program = (
        "import sys, pathlib; from services.deepface.networks.trunk_split import split;"
        "folder = pathlib.Path(sys.argv[1]);"
        "print(split({name: folder / f'{name}.onnx' for name in ('age', 'gender')}, folder / 'cache'))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) for _ in range(3)]
    assert {worker.communicate(timeout=60)[0] for worker in workers} == {f"{split(paths, tmp_path / 'cache')}\n"}
