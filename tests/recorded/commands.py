"""All commands whose output is recorded, in scenarios."""

from tests.recorded.asking import Scenario, ask, run

_SIZE = r"\d+\.\d MB"
_DAY = r"\d{4}-\d\d-\d\d"
_PACKAGES = r"(?<=packages  )[^\n]+"
_THREADS = r"(?<=threads   )[^\n]+"
_DURATION = r"\d+\.\d+ ms"
_HERE = r"(?<=not preloaded    )[^\n]+"
_VERSION = r"(?<=service          )[^\n]+"
_DOCTOR = (_VERSION, _PACKAGES, _THREADS, _DURATION, _HERE)
_BY_PACKAGE = r"(?m)^(?:ok|missing)(?=.*pip install)"

_PEOPLE = {
    "people/Alice/1.png": "alice",
    "people/Alice/2.png": "alicia",
    "people/Bob/1.jpg": "bob.jpg",
    "people/3.png": "bob",
    "people/None/1.png": "nobody",
    "people/Two/1.png": "alice+bob",
    "empty/1.png": "alice",
    "file": "text",
}

_HELP = tuple(
    run(f"help_{line.replace(' ', '_').replace('-', '_') or 'all'}", f"{line} --help".strip())
    for line in (
        "",
        "weights",
        "index",
        "index build",
        "index list",
        "index import-pkl",
        "gallery",
        "gallery enroll",
        "gallery export",
        "gallery copy-to-pgvector",
        "gallery purge",
        "gallery rotate-key",
        "db",
        "keys",
        "keys create",
        "keys grant",
        "audit",
        "audit verify",
        "doctor",
    )
)

_WEIGHTS = (
    run("list", "weights list", _BY_PACKAGE),
    run("verify_nothing", "weights verify"),
    run("fetch", "weights fetch ArcFace opencv"),
    run("fetch_again", "weights fetch ArcFace"),
    run("verify", "weights verify"),
    run("verify_missing", "weights verify ArcFace Facenet"),
    run("fetch_not_there", "weights fetch Facenet"),
    run("fetch_unknown", "weights fetch Nobody"),
    run("fetch_unknown_preset", "weights fetch --preset nobody"),
    run("fetch_nothing", "weights fetch"),
    run("bundle", "weights bundle {folder.path}/weights.tar ArcFace"),
    run("import", "weights import {folder.path}/weights.tar"),
    run("import_no_bundle", "weights import {folder.path}/file"),
    run("accept", "weights accept ArcFace"),
    run("accept_missing", "weights accept Facenet"),
)

# Pruned before anything is built: the lock of a build ends a moment after its answer.
_INDEX = (
    run("prune", "index prune"),
    run("build", "index build --model Dlib --detector ssd --no-align --expand-percentage 5"),
    run("build_again", "index build --model Dlib --detector ssd --no-align --expand-percentage 5"),
    run("build_reported", "index build --model Dlib --detector ssd --no-align --expand-percentage 5 --report"),
    run("list", "index list"),
    run("build_unknown_model", "index build --model Nobody"),
    run("build_wrong_number", "index build --expand-percentage 101"),
    run("import_no_pickle", "index import-pkl {folder.path}/file"),
    run("import_missing", "index import-pkl {folder.path}/missing.pkl"),
    run("unknown_command", "index grow"),
    ask("indexes", "GET /find/indexes"),
)

_GALLERY = (
    run("upgrade", "db upgrade"),
    run("empty_stats", "gallery stats", _SIZE),
    run("enrol", "gallery enroll {folder.path}/people --store-crop --model OpenFace"),
    run("enrol_again", "gallery enroll {folder.path}/people --model OpenFace"),
    run("enrol_largest", "gallery enroll {folder.path}/people --collection staff --face-policy largest"),
    run("enrol_nothing", "gallery enroll {folder.path}/empty"),
    run("enrol_nowhere", "gallery enroll {folder.path}/nowhere"),
    run("enrol_wrong_collection", "gallery enroll {folder.path}/people --collection 'not a name'"),
    run("stats", "gallery stats", _SIZE),
    run("export", "gallery export {folder.path}/gallery.zip"),
    run("export_below_a_file", "gallery export {folder.path}/file/gallery.zip"),
    run("import_known", "gallery import {folder.path}/gallery.zip"),
    ask("persons", "GET /persons", query={"collection": "staff"}),
    ask("forget", "DELETE /collections/staff", query={"with_persons": "true"}),
    run("import", "gallery import {folder.path}/gallery.zip"),
    run("import_no_export", "gallery import {folder.path}/file"),
    ask("past", "POST /register", json={"img": "@bob", "name": "Past", "retain_until": "2020-01-02T03:04:05Z"}),
    run("expire", "gallery expire"),
    run("expire_again", "gallery expire"),
    run("purge", "gallery purge"),
    run("copy_without_database", "gallery copy-to-pgvector"),
    run("copy_to_sqlite", "gallery copy-to-pgvector --database sqlite:///x"),
    run("rotate_without_key", "gallery rotate-key"),
    ask("trail", "GET /audit", query={"limit": "8"}),  # the persons of a collection are forgotten in any order
)

_KEYS = (
    run("none", "keys list"),
    run("create", "keys create 'front door' --scope faces --scope find --collection staff --days 30"),
    run("create_admin", "keys create boss --scope admin"),
    run("list", "keys list", _DAY),
    run("grant", "keys grant {create.key} embeddings"),
    run("grant_again", "keys grant {create.key} embeddings"),
    run("grant_admin_of_one", "keys grant {create.key} admin"),
    run("grant_unknown", "keys grant nobody embeddings"),
    run("grant_unknown_scope", "keys grant {create.key} everything"),
    run("list_granted", "keys list", _DAY),
    run("revoke", "keys revoke {create.key}"),
    run("grant_revoked", "keys grant {create.key} find"),
    run("revoke_again", "keys revoke {create.key}"),
    run("revoke_unknown", "keys revoke nobody"),
    run("list_revoked", "keys list"),
    run("create_without_scope", "keys create x"),
    run("create_with_unknown_scope", "keys create x --scope everything"),
    run("create_for_no_days", "keys create x --scope find --days 0"),
    run("create_for_wrong_collection", "keys create x --scope find --collection a/b"),
    run("create_admin_of_one", "keys create x --scope admin --collection a"),
)

_AUDIT = (
    run("empty", "audit verify"),
    ask("alice", "POST /register", json={"img": "@alice", "name": "Alice"}),
    ask("verify", "POST /verify", json={"img1": "@alice", "img2": "@bob"}, headers={"X-Request-Id": "own"}),
    run("whole", "audit verify"),
    run("expected", "audit verify --expect {whole.last}"),
    run("not_expected", f"audit verify --expect {'f' * 64}"),
    run("export", "audit export"),
    run("export_to_a_file", "audit export {folder.path}/audit.jsonl"),
    run("export_below_a_file", "audit export {folder.path}/file/audit.jsonl"),
)

COMMANDS = (
    Scenario(name="help", steps=_HELP),
    Scenario(
        name="weights",
        steps=_WEIGHTS,
        settings={"weights_mirror": "{folder.path}/mirror"},
        files={"mirror/arcface_weights.onnx": "text", "file": "text"},
    ),
    Scenario(
        name="index",
        steps=_INDEX,
        files={"photos/alice/1.png": "alice", "photos/bob.png": "bob", "photos/text.png": "text", "file": "text"},
    ),
    Scenario(
        name="no photo folder",
        settings={"faces_db_path": ""},
        steps=(run("build", "index build"), run("prune", "index prune")),
    ),
    Scenario(name="gallery", steps=_GALLERY, files=_PEOPLE),
    Scenario(name="keys", steps=_KEYS),
    Scenario(name="audit", steps=_AUDIT, files={"file": "text"}),
    Scenario(
        name="missing model",
        missing=("Dlib",),
        files={"people/Alice/1.png": "alice", "photos/alice.png": "alice"},
        steps=(
            run("enrol", "gallery enroll {folder.path}/people --model Dlib"),
            run("build", "index build --model Dlib"),
        ),
    ),
    Scenario(
        name="doctor",
        files={"home/.deepface/weights/arcface_weights.onnx": "text"},
        settings={"default_model": "ArcFace"},
        steps=(
            run("healthy", "doctor", *_DOCTOR),
            run("accept", "doctor --accept", *_DOCTOR),
            run("wrong_usage", "doctor --all"),
        ),
    ),
    Scenario(
        name="doctor of what is wrong",
        settings={
            "preload_models": ("VGG-Face", "opencv"),
            "require_auth": True,
            "faces_db_path": "nowhere",
            "database_url": "sqlite:///{folder.path}",
            "rate_limit": "5/hour",
        },
        missing=("VGG-Face",),
        steps=(
            run("doctor", "doctor", *_DOCTOR),
            run("upgrade", "db upgrade"),
            run("stats", "gallery stats"),
            run("keys", "keys list"),
        ),
    ),
)
