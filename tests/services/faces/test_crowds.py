"""Images with more faces than the service reads."""

import pytest

from schemas.faces import RepresentRequest
from services.faces.options import Defaults
from services.faces.reader import FaceReader
from tests.fakes import FakeEngine
from tests.pictures import Block, encoded, picture
from tests.services.faces.test_service import POLICY

WIDTHS = (20, 50, 30, 40)


@pytest.fixture
def read(settings):
    """The widths of the faces that are read of an image with four, and what is said of the rest."""
    blocks = [Block((32 * place + 32, 64, 224), x=10 + 60 * place, w=w) for place, w in enumerate(WIDTHS)]
    image = encoded(picture(*blocks, width=300))

    def run(limit, **options):
        reader = FaceReader(engine=FakeEngine(), policy=POLICY, max_faces=limit, antispoof_threshold=0)
        plan = Defaults.of(settings).plan(RepresentRequest(img=image, **options))
        with reader.faces(image, "img", plan) as faces:
            return [one.face.area.w for one in faces], faces.truncated

    return run


def test_as_many_faces_as_allowed_stay_in_the_detectors_order(read):
    assert read(4) == ([20, 50, 30, 40], None)


@pytest.mark.parametrize(("limit", "widths"), [(3, [50, 40, 30]), (2, [50, 40]), (1, [50])])
def test_of_more_faces_the_largest_are_read_and_the_rest_is_mentioned(read, limit, widths):
    assert read(limit) == (widths, True)
    assert read(limit, max_faces=4) == (widths, True)


def test_faces_that_the_client_did_not_want_are_not_mentioned(read):
    assert read(3, max_faces=2) == ([50, 40], None)
    assert read(3, max_faces=3) == ([50, 40, 30], None)
