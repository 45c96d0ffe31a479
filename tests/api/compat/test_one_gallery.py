"""One gallery: whoever is enrolled through one door is identified through every other, and natively."""

import pytest

from tests.api.v1.test_gallery import text
from tests.pictures import ALICE, BOB


def answered(client, path, **body):
    answer = client.post(path, json=body)
    assert answer.status_code in (200, 201), answer.text
    return answer.json


# How a face is enrolled for Alice, by door.
ENROL = {
    "native": lambda client, img: answered(client, "/register", img=img, name="Alice"),
    "localai": lambda client, img: answered(client, "/v1/face/register", img=img, name="Alice"),
    "deepface": lambda client, img: answered(client, "/deepface/register", img=img, img_name="Alice/1.jpg"),
    "face-api": lambda client, img: answered(client, "/face-api/embed", img=img, person_id="Alice"),
    "compreface": lambda client, img: answered(client, "/api/v1/recognition/faces?subject=Alice", file=img),
}


def identified_natively(client, img):
    (face,) = answered(client, "/identify", img=img)["result"]
    return [match["name"] for match in face["matches"] if match["match"]]


def identified_by_localai(client, img):
    return [match["name"] for match in answered(client, "/v1/face/identify", img=img)["matches"] if match["match"]]


def recognized_by_face_api(client, img):
    return [match["person_id"] for match in answered(client, "/face-api/recognize", img=img)["matches"]]


def recognized_by_compreface(client, img):
    (face,) = answered(client, "/api/v1/recognition/recognize", file=img)["result"]
    return [one["subject"] for one in face["subjects"] if one["similarity"] >= 0.5]


# The names of the persons whom a door takes for the one in the image.
IDENTIFY = {
    "native": identified_natively,
    "localai": identified_by_localai,
    "face-api": recognized_by_face_api,
    "compreface": recognized_by_compreface,
}


@pytest.fixture
def client(make_app):
    """A client of an application whose threshold lies between the colours of the pictures."""
    return make_app(default_model="Dlib").test_client()


@pytest.mark.parametrize("identifying", IDENTIFY)
@pytest.mark.parametrize("enrolling", ENROL)
def test_who_is_enrolled_through_one_door_is_identified_through_the_other(client, enrolling, identifying):
    ENROL[enrolling](client, text(ALICE))
    assert IDENTIFY[identifying](client, text(ALICE)) == ["Alice"]
    assert IDENTIFY[identifying](client, text(BOB)) == []
