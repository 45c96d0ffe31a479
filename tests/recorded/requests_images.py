"""Every way to send an image, and every way to get it or the body around it wrong."""

from tests.recorded.asking import Scenario, ask

_PLAIN = {"model_name": "OpenFace"}
_FORM = "application/x-www-form-urlencoded"
_NAMELESS = '--B\r\nContent-Disposition: form-data; filename="f"\r\n\r\nx\r\n--B--\r\n'

_WAYS = (
    ask("base64", "POST /represent", json={"img": "@alice", **_PLAIN}),
    ask("data_uri", "POST /represent", json={"img": "@alice:uri", **_PLAIN}),
    ask("relative_path", "POST /represent", json={"img": "Zoë.jpg", **_PLAIN}),
    ask("absolute_path", "POST /represent", json={"img": "{folder.path}/photos/Zoë.jpg", **_PLAIN}),
    ask("path_of_the_second_folder", "POST /represent", json={"img": "below/bob.webp", **_PLAIN}),
    ask("urlencoded", "POST /represent", form={"img": "@alice", **_PLAIN}),
    ask("multipart_file", "POST /represent", files={"img": "alice"}, form=_PLAIN),
    ask("multipart_text", "POST /represent", form={"img": "@alice", **_PLAIN}, kind="multipart/form-data"),
    ask("raw_body", "POST /represent", raw="alice", query=_PLAIN),
    ask("raw_jpeg_as_anything", "POST /represent", raw="alice.jpg", kind="image/whatever", query=_PLAIN),
    ask("below_prefix", "POST /api/v1/represent", raw="alice.webp", kind="image/webp", query=_PLAIN),
    ask("pair_in_two_ways", "POST /verify", files={"img1": "alice"}, form={"img2": "@alicia", **_PLAIN}),
)

_NO_IMAGES = (
    ask("missing_file", "POST /extract", json={"img": "missing.jpg"}),
    ask("path_outside", "POST /extract", json={"img": "../secret.png"}),
    ask("path_of_the_system", "POST /extract", json={"img": "/etc/passwd"}),
    ask("private_address", "POST /extract", json={"img": "http://127.0.0.1:9/a.png"}),
    ask("url_with_password", "POST /extract", json={"img": "https://user:pw@example.com/"}),
    ask("uri_without_base64", "POST /extract", json={"img": "data:image/png,abc"}),
    ask("uri_of_bad_base64", "POST /extract", json={"img": "data:image/png;base64,*"}),
    ask("uri_of_no_image", "POST /extract", json={"img": "@text:uri"}),
    ask("gif", "POST /extract", raw="gif"),
    ask("no_image", "POST /extract", raw="text"),
    ask("broken_image", "POST /extract", raw="broken"),
    ask("narrow_image", "POST /extract", raw="narrow"),
    ask("second_image_wrong", "POST /verify", json={"img1": "@alice", "img2": "missing.jpg"}),
    ask("no_face", "POST /analyze", json={"img": "@nobody"}),
    ask("no_face_in_the_second", "POST /verify", json={"img1": "@alice", "img2": "@nobody"}),
)

_WRONG_BODIES = (
    ask("no_body", "POST /represent"),
    ask("empty_image", "POST /represent", json={"img": ""}),
    ask("image_is_a_number", "POST /represent", json={"img": 5}),
    ask("image_is_null", "POST /represent", json={"img": None}),
    ask("unknown_field", "POST /represent", json={"img": "@alice", "image": "x"}),
    ask(
        "many_wrong_fields",
        "POST /find",
        json={"img": "a", "detector_backend": "x", "max_faces": 0, "align": 1, "threshold": "0.4", "k": 1.5, "x": 1},
    ),
    ask("false_as_text", "POST /represent", json={"img": "@alice", "enforce_detection": "false"}),
    ask("no_boolean", "POST /represent", form={"img": "@alice", "enforce_detection": "maybe"}),
    ask("wrong_option_in_the_query", "POST /represent", raw="alice", query={"max_faces": "many"}),
    ask("options_beside_json", "POST /represent", json={"img": "@alice"}, query={"max_faces": "1"}),
    ask("option_twice", "POST /represent", raw="alice", query={"max_faces": ["1", "2"]}),
    ask("text_and_file", "POST /represent", files={"img": "alice"}, form={"img": "@alice"}),
    ask("key_twice", "POST /represent", text='{"img": "a", "img": "b"}'),
    ask("broken_json", "POST /represent", text='{"img": '),
    ask("list", "POST /represent", text="[]"),
    ask("not_a_number", "POST /verify", text='{"threshold": NaN}'),
    ask("many_fields", "POST /represent", json={f"field{number}": 1 for number in range(101)}),
    ask("many_values", "POST /analyze", json={"img": "a", "actions": ["age"] * 10_001}),
    ask("many_form_fields", "POST /represent", text="&".join(f"f{number}=1" for number in range(101)), kind=_FORM),
    ask("part_without_name", "POST /represent", text=_NAMELESS, kind="multipart/form-data; boundary=B"),
    ask("plain_text", "POST /represent", text="x", kind="text/plain"),
    ask("no_kind", "POST /represent", text="x", kind=""),
    ask("raw_body_for_a_pair", "POST /verify", raw="alice"),
    ask("chunked", "POST /represent", headers={"Transfer-Encoding": "chunked"}, kind="application/json"),
)

IMAGES = (
    Scenario(
        name="ways to send an image",
        steps=_WAYS,
        files={"photos/Zoë.jpg": "alice+bob.jpg", "images/below/bob.webp": "bob.webp"},
    ),
    Scenario(name="images that are none", steps=_NO_IMAGES),
    Scenario(name="wrong bodies", steps=_WRONG_BODIES),
    Scenario(
        name="images by upload only",
        settings={"allow_paths": False, "allow_urls": False},
        files={"photos/alice.png": "alice"},
        steps=(
            ask("path", "POST /extract", json={"img": "alice.png"}),
            ask("url", "POST /extract", json={"img": "https://example.com/a.png"}),
            ask("base64", "POST /quality", json={"img": "@alice"}),
        ),
    ),
    Scenario(
        name="small limits",
        settings={"max_image_bytes": 2000, "max_image_pixels": 30_000, "max_body_bytes": 6000},
        steps=(
            ask("many_pixels", "POST /verify", json={"img1": "@alice", "img2": "@large"}),
            ask("many_bytes", "POST /extract", text="\x89PNG" + "x" * 2000, kind="image/png"),
            ask("long_json", "POST /extract", text='{"img": "' + "x" * 6000),
            ask("long_form", "POST /extract", form={"img": "x" * 6000}),
            ask("long_raw_body", "POST /extract", text="x" * 6001, kind="image/png"),
        ),
    ),
)
