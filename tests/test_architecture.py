"""Each layer knows only the layers it may; the imports themselves are read, so that no file is forgotten."""

import ast

import pytest

from tests.conftest import PROJECT

OURS = ("main", "core", "schemas", "services", "api")
HEAVY = {"deepface", "retinaface", "dlib", "onnxruntime", "openvino", "gdown"}

COMPOSERS = {"main", "core.factory"}
BOOTSTRAPS = {"services.bootstrap", "services.key_bootstrap", "services.weight_bootstrap"}
CORE_LEAVES = "core"
# What a module whose name begins so may import of ours; the longest matching name counts.
ALLOWED = {
    "core": (CORE_LEAVES,),
    "schemas": ("schemas",),
    "services": ("services", "schemas", CORE_LEAVES),
    "services.engine": (
        "services.engine.base",
        "services.engine.catalogue",
        "services.engine.model",
        "services.engine.runtime",
        CORE_LEAVES,
    ),
    "services.engine.catalogue": ("services.engine.model", "services.engine.rows"),
    "services.engine.weights": (
        "services.engine.base",
        "services.engine.catalogue",
        "services.engine.fetching",
        "services.engine.model",
        "services.engine.weight_records",
        CORE_LEAVES,
    ),
    "services.engine.rows": ("services.engine.model", "services.engine.rows"),
    "services.engine.alignment": ("services.engine.base", "services.engine.detectors", CORE_LEAVES),
    "services.engine.deepface": ("services.engine", CORE_LEAVES),
    "services.engine.deepface_attributes": (
        "services.engine.base",
        "services.engine.deepface_detection",
        "services.engine.deepface_hooks",
        CORE_LEAVES,
    ),
    "services.engine.deepface_detection": (
        "services.engine.base",
        "services.engine.alignment",
        "services.engine.detectors",
        CORE_LEAVES,
    ),
    "services.engine.int8_weights": ("services.engine.graphs", CORE_LEAVES),
    "services.engine.gpu_runtime": ("services.engine.onnx_runtime", "services.engine.runtime", CORE_LEAVES),
    "services.engine.runtimes": (
        "services.engine.gpu_runtime",
        "services.engine.int8_weights",
        "services.engine.onnx_runtime",
        "services.engine.openvino_runtime",
        "services.engine.runtime",
        CORE_LEAVES,
    ),
    "services.engine.trunk": ("services.engine.graphs", CORE_LEAVES),
    "services.engine.shared_trunk": (
        "services.engine.base",
        "services.engine.catalogue",
        "services.engine.model",
        "services.engine.passes",
        "services.engine.runtime",
        "services.engine.trunk",
        CORE_LEAVES,
    ),
    "services.stores.sql": (
        "services.stores.sql",
        "services.stores.gallery_base",
        "services.stores.gallery_values",
        "services.stores.keys_base",
        "services.stores.owner_base",
        "services.stores.audit_base",
        "services.stores.misses_base",
        "services.stores.sealing_base",
        "services.engine.base",
        CORE_LEAVES,
    ),
    "services.stores.misses_base": ("services.stores.audit_base",),
    "services.stores": (
        "services.stores.base",
        "services.stores.gallery_values",
        "services.stores.audit_base",
        "services.stores.index_file",
        "services.engine.base",
        CORE_LEAVES,
    ),
    "api": ("api", "services", "schemas", CORE_LEAVES),
}
CONCRETE = ("services.engine.", "services.stores.")
INTERFACES = (
    "services.engine.base",
    "services.engine.catalogue",
    "services.engine.model",
    "services.stores.base",
    "services.stores.gallery_base",
    "services.stores.gallery_values",
    "services.stores.keys_base",
    "services.stores.owner_base",
    "services.stores.audit_base",
    "services.stores.misses_base",
    "services.stores.sealing_base",
)


def modules():
    for top in OURS:
        path = PROJECT / top
        for file in [path.with_suffix(".py")] if path.with_suffix(".py").exists() else path.rglob("*.py"):
            name = ".".join(file.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
            yield name, file


def imported(file):
    """Every module a file imports anywhere, by full name; `from a import b` gives both `a` and `a.b`."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def forbidden(name, file):
    """The imports of ours that a module must not have."""
    if name in COMPOSERS:
        return []
    layer = max((prefix for prefix in ALLOWED if f"{name}.".startswith(f"{prefix}.")), key=len)
    known = {module for module, file in modules() if file.name != "__init__.py"}
    wrong = []
    for target in set(imported(file)):
        if target.split(".")[0] not in OURS or target not in known:
            continue
        allowed = any(f"{target}.".startswith(f"{prefix}.") for prefix in ALLOWED[layer])
        if target in COMPOSERS or not allowed:
            wrong.append(target)
        elif layer in ("services", "api") and name not in BOOTSTRAPS:
            concrete = target.startswith(CONCRETE) and target not in INTERFACES
            deep = layer == "api" and target.startswith(CONCRETE)
            wrong += [target] if concrete or deep else []
    return wrong


@pytest.mark.parametrize(("name", "file"), list(modules()), ids=lambda value: str(value).rpartition("/")[2])
def test_a_module_imports_only_what_its_layer_may(name, file):
    assert forbidden(name, file) == []


def test_only_the_api_and_the_factory_know_flask():
    for name, file in modules():
        if not name.startswith("api") and name not in COMPOSERS:
            assert not {target for target in imported(file) if target.split(".")[0] in ("flask", "werkzeug")}, name


def test_deepface_and_the_frameworks_are_imported_in_the_engine_only():
    for name, file in modules():
        if not name.startswith("services.engine."):
            assert not {target for target in imported(file) if target.split(".")[0] in HEAVY}, name


def test_only_inputs_reads_request_bodies():
    for name, file in modules():
        if name != "api.inputs":
            text = file.read_text()
            assert not [
                word for word in (".get_data(", "request.form", "request.files", ".get_json(") if word in text
            ], name


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("services.faces", "from services.engine.deepface import DeepFaceEngine"),
        ("services.faces", "import api.deps"),
        ("api.v1.routes", "from services.engine import base"),
        ("core.images", "from services.faces import FaceService"),
        ("core.images", "import core.factory"),
        ("schemas.faces", "from core import config"),
        ("services.stores.folder_index", "from services.find import FindService"),
    ],
)
def test_a_forbidden_arrow_would_be_noticed(tmp_path, name, line):
    file = tmp_path / "module.py"
    file.write_text(line)
    assert forbidden(name, file)


def test_no_file_is_too_long():
    assert [name for name, file in modules() if len(file.read_text().splitlines()) > 300] == []
