from base64 import b64encode

import pytest

from core.images.base64_text import encoded_format


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"\0\0\0\x1cftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf", "HEIC"),  # as some phones and libheif write it
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "a video"),
        (b"images/photo.jpg", None),
    ],
)
def test_the_format_is_told_from_the_beginning(content, name):
    assert encoded_format(b64encode(content + bytes(100)).decode()) == name
