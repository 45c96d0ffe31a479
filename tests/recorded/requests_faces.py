"""Requests about faces that are stored nowhere, and about the photo folder."""

from tests.recorded.asking import Scenario, ask

_PAIR = {"img1": "@alice", "img2": "@bob"}
_CAPTURE = ["@alice>20", "@alicia>26", "@alice>32"]
_STRICT = {"threshold": 0.001}
_EVERY_OPTION = {
    "model_name": "Facenet512",
    "detector_backend": "retinaface",
    "distance_metric": "euclidean_l2",
    "threshold": 0.5,
    "enforce_detection": False,
    "align": True,
    "alignment": "template",
    "detection": "full",
    "expand_percentage": 5.0,
    "normalization": "Facenet",
    "anti_spoofing": True,
    "max_faces": 2,
}

_VERIFY = (
    ask("same", "POST /verify", json={"img1": "@alice", "img2": "@alice.jpg"}),
    ask("near", "POST /verify", json={"img1": "@alice", "img2": "@alicia", **_STRICT}),
    ask("apart", "POST /verify", json=_PAIR),
    ask("closest_pair", "POST /verify", json={"img1": "@bob+alice", "img2": "@alicia+mask"}),
    ask("every_option", "POST /verify", json=_PAIR | _EVERY_OPTION),
    ask("euclidean", "POST /verify", json=_PAIR | {"distance_metric": "euclidean", "model_name": "ArcFace"}),
    ask("angular", "POST /verify", json=_PAIR | {"distance_metric": "angular", "align": False}),
    ask("calibrated_template", "POST /verify", json=_PAIR | {"model_name": "Dlib"}),
    ask("no_template", "POST /verify", json=_PAIR | {"model_name": "OpenFace", "alignment": "template"}),
    ask("spoof", "POST /verify", json={"img1": "@mask", "img2": "@mask", "anti_spoofing": True}),
    ask("whole_images", "POST /verify", json=_PAIR | {"detector_backend": "skip"}),
    ask("without_a_face", "POST /verify", json={"img1": "@nobody", "img2": "@nobody", "enforce_detection": False}),
    ask("no_second", "POST /verify", json={"img1": "@alice"}),
    ask("two_seconds", "POST /verify", json=_PAIR | {"person_id": "x"}),
    ask("capture", "POST /verify", json={"frames": _CAPTURE, "img2": "@alice"}),
    ask("capture_of_two", "POST /verify", json={"frames": _CAPTURE[:2], "img2": "@alice", **_STRICT}),
    ask("capture_as_parts", "POST /verify", files={"frames": ["alice>20", "alice>30"]}, form={"img2": "@alice"}),
    ask("capture_of_a_print", "POST /verify", json={"frames": ["@print>20", "@print>30"], "img2": "@alice"}),
    ask("capture_of_one", "POST /verify", json={"frames": ["@alice"], "img2": "@alice"}),
    ask("capture_and_image", "POST /verify", json=_PAIR | {"frames": _CAPTURE}),
    ask("frame_twice", "POST /verify", json={"frames": ["@alice", "@bob", "@alice"], "img2": "@alice"}),
    ask("frame_copied", "POST /verify", json={"frames": [*_CAPTURE[::2], "@alice>32.jpg"], "img2": "@alice"}),
    ask(
        "frame_of_another",
        "POST /verify",
        json={"frames": ["@alice>20", "@bob>26"], "img2": "@alice", "model_name": "Dlib"},
    ),
    ask("frame_of_two", "POST /verify", json={"frames": ["@alice+bob", "@alice>90"], "img2": "@alice"}),
)

_OTHERS = (
    ask("analyze", "POST /analyze", json={"img": "@alice+bob"}),
    ask("analyze_actions", "POST /analyze", form={"img": "@alice", "actions": "gender, age"}),
    ask("analyze_action_twice", "POST /analyze", raw="mask", query={"actions": ["race", "age"], "anti_spoofing": "on"}),
    ask("analyze_no_action", "POST /analyze", json={"img": "@alice", "actions": []}),
    ask("analyze_wrong_action", "POST /analyze", json={"img": "@alice", "actions": ["age", "height"]}),
    ask("represent", "POST /represent", json={"img": "@alice+bob"}),
    ask("represent_largest", "POST /represent", raw="two sizes", query={"max_faces": "1", "model_name": "SFace"}),
    ask("represent_raw", "POST /represent", json={"img": "@bob", "normalization": "raw", "anti_spoofing": True}),
    ask("represent_unknown_model", "POST /represent", json={"img": "@bob", "model_name": "dlib"}),
    ask("represent_nulls", "POST /represent", json={"img": "@alice", "model_name": None, "max_faces": None}),
    ask("extract", "POST /extract", json={"img": "@alice+bob"}),
    ask("extract_gray", "POST /extract", json={"img": "@alice", "color_face": "gray", "anti_spoofing": True}),
    ask("extract_all", "POST /extract", json={"img": "@alice", "detector_backend": "skip"}),
    ask("extract_wrong_colour", "POST /extract", json={"img": "@alice", "color_face": "bgr"}),
    ask("quality", "POST /quality", json={"img": "@alice+bob"}),
    ask("quality_grained", "POST /quality", raw="grained"),
    ask("quality_tiny", "POST /quality", raw="tiny"),
    ask("quality_dark", "POST /quality", files={"img": "dark"}),
    ask("quality_nobody", "POST /quality", json={"img": "@nobody", "enforce_detection": False}),
)

_VECTOR = "{vectors.result.0.embedding}"
_OTHER = "{vectors.result.1.embedding}"
_MODEL = {"model_name": "OpenFace"}
_COMPARE = (
    ask("vectors", "POST /represent", json={"img": "@alice+bob", **_MODEL}),
    ask(
        "image_with_several",
        "POST /compare",
        json={"img": "@bob", "target_vectors": [{"id": "a", "vector": _VECTOR}, _OTHER], **_MODEL},
    ),
    ask(
        "vectors_by_other_names",
        "POST /compare",
        json={"vector": _VECTOR, "vector_b": _OTHER, "metric": "euclidean", **_MODEL},
    ),
    ask("vector_of_another_model", "POST /compare", json={"source_vector": _VECTOR, "target_vector": _OTHER}),
    ask(
        "vector_with_vector",
        "POST /compare",
        json={"source_vector": _VECTOR, "target_vector": _OTHER, "distance_metric": "angular", **_MODEL},
    ),
    ask("second_face", "POST /compare", json={"img": "@alice+bob", "face_index": 1, "target_vector": _OTHER, **_MODEL}),
    ask("third_face", "POST /compare", json={"img": "@alice+bob", "face_index": 2, "target_vector": _OTHER, **_MODEL}),
    ask("as_form", "POST /compare", form={"img": "@alice", "target_vector": "[1.0, 2]", **_MODEL}),
    ask("no_vector", "POST /compare", form={"img": "@alice", "target_vector": "1, 2"}),
    ask("nothing", "POST /compare", json={}),
    ask("both_names", "POST /compare", json={"source_vector": [1.0], "vector": [1.0], "target_vector": [1.0]}),
    ask("infinite", "POST /compare", text='{"source_vector": [1e999], "target_vectors": [[1e39]]}'),
)

_PHOTOS = {
    "photos/alice/1.png": "alice",
    "photos/alice/2.jpg": "alicia.jpg",
    "photos/bob.png": "bob",
    "photos/none/nobody.png": "nobody",
    "photos/none/text.png": "text",
}
_FIND = (
    ask("no_index", "GET /find/indexes"),
    ask("match", "POST /find", json={"img": "@alice", "threshold": 0.01}),
    ask("two_faces", "POST /find", raw="mask+alice", query={"threshold": "0.001", "anti_spoofing": "true"}),
    ask("everybody", "POST /find", json={"img": "@alice", "similarity_search": True, "threshold": 0.001}),
    ask("nearest", "POST /find", form={"img": "@bob", "similarity_search": "yes", "k": "1", "refresh": "wait"}),
    ask("other_model", "POST /find", json={"img": "@bob", "model_name": "Dlib", "distance_metric": "euclidean"}),
    ask("wrong_refresh", "POST /find", json={"img": "@bob", "refresh": True}),
    ask("indexes", "GET /find/indexes"),
    ask("indexes_below_prefix", "GET /api/v1/find/indexes"),
    ask("photo", "GET /find/photos/YWxpY2UvMS5wbmc", query={"size": "64"}),  # alice/1.png
    ask("no_photo", "GET /find/photos/x"),
    ask("trail", "GET /audit", query={"action": "find"}),
)

FACES = (
    Scenario(name="verify", steps=_VERIFY),
    Scenario(name="analyze, represent, extract, quality", steps=_OTHERS),
    Scenario(name="compare", steps=_COMPARE),
    Scenario(name="find", steps=_FIND, files=_PHOTOS, settings={"faces_db_refresh_s": 60}),
    Scenario(
        name="find by relative names",
        settings={"identity_paths": "relative", "default_model": "Dlib", "detection": "full"},
        files=_PHOTOS,
        steps=(ask("match", "POST /find", json={"img": "@alicia"}),),
    ),
    Scenario(
        name="no photo folder",
        settings={"faces_db_path": ""},
        steps=(
            ask("find", "POST /find", json={"img": "@alice"}),
            ask("indexes", "GET /find/indexes"),
            ask("other_routes", "POST /extract", json={"img": "@alice", "max_faces": 1}),
        ),
    ),
    Scenario(
        name="photo folder that is gone",
        settings={"faces_db_path": "{folder.path}/nowhere"},
        steps=(ask("find", "POST /find", json={"img": "@alice"}), ask("indexes", "GET /find/indexes")),
    ),
)
