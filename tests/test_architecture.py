"""Who may import which libraries; the imports themselves are read, so that no file is forgotten."""

import ast

from tests.conftest import PROJECT

OURS = ("main", "core", "schemas", "services", "api")
HEAVY = {"deepface", "retinaface", "dlib", "onnxruntime", "openvino"}

COMPOSERS = {"main", "api.factory"}
ENGINE = ("services.engine.", "services.deepface.")


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


def test_only_the_api_and_the_factory_know_flask():
    for name, file in modules():
        if not name.startswith("api") and name not in COMPOSERS:
            assert not {target for target in imported(file) if target.split(".")[0] in ("flask", "werkzeug")}, name


def test_deepface_and_the_frameworks_are_imported_in_the_engine_only():
    for name, file in modules():
        if not name.startswith(ENGINE):
            assert not {target for target in imported(file) if target.split(".")[0] in HEAVY}, name


def test_only_inputs_reads_request_bodies():
    for name, file in modules():
        if name != "api.inputs":
            text = file.read_text()
            assert not [
                word for word in (".get_data(", "request.form", "request.files", ".get_json(") if word in text
            ], name


def test_no_file_is_too_long():
    assert [name for name, file in modules() if len(file.read_text().splitlines()) > 350] == []
