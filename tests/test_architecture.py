"""The plan of the house: who may import whom. The imports themselves are read, so that no file is forgotten."""

import ast
from collections import defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter
from statistics import median

import pytest

from tests.conftest import PROJECT

TOPS = ("main", "gunicorn.conf", "api", "core", "schemas", "services")
LEAVES = {"core", "schemas"}  # which every room but these may import

SHARED = {"faces", "access", "audit", "deepface.interface", "models", "database"}
ROOMS = {"faces", "find", "gallery", "access", "audit", "models", "database", "deepface.interface"}

# What a room may import of ours beside core and schemas. The longest name of a row counts; rooms of services are named
# without that word, a single module of a room with its own name.
MAY_IMPORT = {
    "main": {"api"},
    "gunicorn.conf": {"api"},
    "api": {"bootstrap", "access.keys"},
    "api.factory": {"bootstrap", "deepface.interface"},
    "api.server": {"preflight"},
    "bootstrap": {*ROOMS, "backup", "deepface.engine", "health", "preflight"},
    "preflight": ROOMS,
    "health": ROOMS,
    "backup": {"audit", "database", "gallery.store"},
    "gallery": SHARED,
    "find": SHARED,
    "faces": {"deepface.interface", "models"},
    "access": {"audit", "database"},
    "audit": {"database"},
    "deepface": {"models"},
    "models": set(),
    "database": set(),
    "schemas": set(),
    "core": set(),
}

# The libraries that only one place may import.
FRAMEWORKS = {"deepface", "retinaface", "dlib", "onnx", "onnxruntime", "openvino", "torch", "tensorflow"}
ONLY_IN = {
    "deepface": FRAMEWORKS,
    "models.downloads": {"gdown"},
    "api": {"flask", "werkzeug", "flask_limiter"},
    "main": {"flask"},
    "core.metrics": {"prometheus_client"},
    "core.tracing": {"opentelemetry"},
}

MAX_ROOMS, MAX_FLOORS, MAX_IMPORTS, MAX_FILES_OF_SERVICES, MAX_LINES = 20, 9, 90, 4, 350


def within(name, place):
    """Whether a module is the place, or lies in it."""
    return f"{name}.".startswith(f"{place}.")


@cache
def modules():
    """Every module's file, by its name as `MAY_IMPORT` has it."""
    files = [PROJECT / f"{top}.py" for top in TOPS if (PROJECT / f"{top}.py").exists()]
    files += [file for top in TOPS for file in (PROJECT / top).rglob("*.py")]
    return {short(".".join(file.relative_to(PROJECT).with_suffix("").parts)): file for file in files}


def short(name):
    return name.removesuffix(".__init__").removeprefix("services.")


def parsed(file):
    """Every module that a file imports anywhere, by full name; `from a import b` gives both `a` and `a.b`."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            yield node.module


@cache
def imports():
    """What each module imports, by full names."""
    return {name: set(parsed(file)) for name, file in modules().items()}


def room(name):
    """The room of a module: a folder or file of services, else the first folder or file."""
    return name if name in TOPS else name.split(".")[0]


def targets(name, imported):
    """The modules of ours among what a module of this name imports, its own room left out."""
    ours = {short(target) for target in imported if target.split(".")[0] in TOPS}
    known = {target for target in ours if target in modules() and target != "services"}
    folders = {target for target in known if any(other != target and within(other, target) for other in known)}
    return {target for target in known - folders if room(target) != room(name)}


def forbidden(name, imported):
    """The imports that a module of this name must not have."""
    row = max((place for place in MAY_IMPORT if within(name, place)), key=len, default=name)
    allowed = MAY_IMPORT.get(row, set()) | (set() if row in LEAVES else LEAVES)
    wrong = {target for target in targets(name, imported) if not any(within(target, place) for place in allowed)}
    return wrong | {
        library
        for place, libraries in ONLY_IN.items()
        for library in libraries & {target.split(".")[0] for target in imported}
        if not any(within(name, other) for other, theirs in ONLY_IN.items() if library in theirs)
    }


def test_every_room_imports_only_what_the_plan_lets_it():
    assert {name: wrong for name, imported in imports().items() if (wrong := forbidden(name, imported))} == {}


@pytest.mark.parametrize(
    ("name", "imported"),
    [
        ("faces.service", "services.deepface.engine"),
        ("faces.service", "services.database.schema"),
        ("gallery.registration", "services.find.index"),
        ("find.service", "services.gallery.persons"),
        ("find.service", "services.deepface.lanes"),
        ("audit.trail", "services.gallery.answers"),
        ("models.overview", "services.health.self_test"),
        ("database.database", "services.audit.store"),
        ("access.keys", "services.faces.options"),
        ("api.v1.faces", "services.deepface.interface"),
        ("api.cli.gallery", "services.gallery.persons"),
        ("health.doctor", "api.context"),
        ("core.files", "schemas.common"),
        ("core.files", "api.factory"),
        ("schemas.faces", "core.settings"),
        ("faces.service", "flask"),
        ("find.photos", "onnxruntime"),
        ("models.weights", "gdown"),
        ("faces.service", "prometheus_client"),
        ("faces.service", "opentelemetry"),
        ("core.metrics.stages", "services.faces.plan"),
    ],
)
def test_an_arrow_that_the_plan_does_not_have_would_be_noticed(name, imported):
    assert forbidden(name, {imported})


def arrows():
    """Each room with the rooms it imports."""
    found = defaultdict(set)
    for name, imported in imports().items():
        found[room(name)] |= {room(target) for target in targets(name, imported)}
    return found


def floors(plan):
    """The floor of each room: one above the highest that it imports."""
    floor = {}
    for one in TopologicalSorter(plan).static_order():  # raises where the arrows go round
        floor[one] = 1 + max((floor[below] for below in plan.get(one, ())), default=0)
    return floor


def figures():
    """What is counted of the plan."""
    plan, texts = arrows(), [file.read_text().splitlines() for file in modules().values()]
    lines = sorted(len(text) for text in texts if len(text) > 1)  # without those of a docstring only
    return {
        "rooms": len(plan),
        "floors": max(floors(plan).values()),
        "imports between rooms": sum(len(below) for below in plan.values()),
        "files directly in services": len(list((PROJECT / "services").glob("*.py"))),
        "files": len(lines),
        "median lines": median(lines),
        "90th percentile": lines[len(lines) * 9 // 10],
        "most lines": lines[-1],
    }


def test_the_house_keeps_its_size():
    found = figures()
    assert found["rooms"] <= MAX_ROOMS
    assert found["floors"] <= MAX_FLOORS
    assert found["imports between rooms"] <= MAX_IMPORTS
    assert found["files directly in services"] <= MAX_FILES_OF_SERVICES
    assert found["most lines"] <= MAX_LINES


def test_rooms_that_import_each_other_would_be_noticed():
    with pytest.raises(CycleError):
        floors({"find": {"gallery"}, "gallery": {"find"}})


def test_only_inputs_reads_request_bodies():
    words = (".get_data(", "request.form", "request.files", ".get_json(")
    readers = {name for name, file in modules().items() if any(word in file.read_text() for word in words)}
    assert readers == {"api.inputs"}


if __name__ == "__main__":
    for what, count in figures().items():
        print(f"{count:6} {what}")
