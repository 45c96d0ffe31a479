"""DeepStack's scale on real faces: the client's own cut of 0.67 tells strangers from persons."""

import csv

import pytest

from api.context import services_of
from api.factory import create_app
from tests.models.conftest import needs_shared
from tests.models.labelled import FACES

CUT = 0.67
PAIRS = FACES / "pairs"
KNOWN = ("img1.jpg", "img2.jpg")  # photos of one person
MOST_WRONG = 0.05  # of the pairs; the service's threshold itself is not always right

pytestmark = needs_shared


@pytest.fixture
def client(real_settings):
    """A client of a service with Dlib, as its model was trained."""
    options = {"default_detector": "dlib", "detection": "bounded", "default_alignment": "auto"}
    app = create_app(real_settings.model_copy(update=options))
    readiness = services_of(app).health.readiness
    readiness.start()
    assert readiness.wait(60)
    return app.test_client()


def sent(client, route, *names, **fields):
    """The answer to a form with these photos, which is put together here: werkzeug would leave a temporary file."""
    parts = [(f'name="image"; filename="{name}"', (PAIRS / name).read_bytes()) for name in names]
    parts += [(f'name="{name}"', value.encode()) for name, value in fields.items()]
    lines = [b"--x\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (head.encode(), body) for head, body in parts]
    kind = "multipart/form-data; boundary=x"
    answer = client.post(f"/v1/vision/face{route}", data=b"".join([*lines, b"--x--\r\n"]), content_type=kind)
    assert answer.status_code == 200, answer.text
    return answer.json


def labelled(is_same, every):
    """Every so many of the pairs of one person, or of two."""
    with (PAIRS / "pairs.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if (row["Decision"] == "Yes") == is_same]
    return [(row["file_x"], row["file_y"]) for row in rows[::every]]


def test_the_cut_tells_pairs_of_strangers_from_pairs_of_one_person(client):
    same = [sent(client, "/match", *pair)["similarity"] for pair in labelled(is_same=True, every=8)]
    strangers = [sent(client, "/match", *pair)["similarity"] for pair in labelled(is_same=False, every=20)]
    assert len(same) + len(strangers) > 15
    assert sum(one >= CUT for one in strangers) <= MOST_WRONG * len(strangers)
    assert sum(one >= CUT for one in same) >= 0.8 * len(same)


def test_strangers_have_no_name_whatever_the_client_asks_for(client):
    assert sent(client, "/register", *KNOWN, userid="Known")["message"] == "face added"
    apart = [set(pair) for pair in labelled(is_same=False, every=1) if set(pair) & set(KNOWN)]
    strangers = set.union(*apart) - set(KNOWN)
    assert len(strangers) > 5
    for name in sorted(strangers):
        for face in sent(client, "/recognize", name, min_confidence="0")["predictions"]:
            assert (face["userid"], face["confidence"]) == ("unknown", 0)
    (face,) = sent(client, "/recognize", "img4.jpg")["predictions"]
    assert (face["userid"], face["confidence"] >= CUT) == ("Known", True)
