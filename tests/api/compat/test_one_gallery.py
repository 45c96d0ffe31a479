"""One gallery: a person enrolled through any door that enrols is identified through every other, and natively."""

import io

import pytest

from tests.api.v1.test_gallery import text
from tests.pictures import ALICE, photo

STRANGER = (0, 224, 0)  # far from everybody with every model
LOCALAI = {"model": "insightface-opencv"}


def upload(colour):
    return io.BytesIO(photo(colour)), "photo.png"


def names(matches, name="name", *, only_matches=True):
    return {one[name] for one in matches if not only_matches or one["match"]}


# How each door enrols Alice.
ENROL = {
    "native": lambda client: client.post("/register", json={"img": text(ALICE), "name": "Alice"}),
    "native, another model": lambda client: client.post(
        "/register", json={"img": text(ALICE), "name": "Alice", "model_name": "ArcFace"}
    ),
    "localai": lambda client: client.post("/v1/face/register", json={"img": text(ALICE), "name": "Alice"}),
    "localai, its model": lambda client: client.post(
        "/v1/face/register", json={"img": text(ALICE), "name": "Alice", **LOCALAI}
    ),
    "face-api": lambda client: client.post("/face-api/embed", json={"img": text(ALICE), "person_id": "Alice"}),
    "deepface": lambda client: client.post("/deepface/register", json={"img": text(ALICE), "img_name": "Alice/1.jpg"}),
    "compreface": lambda client: client.post("/api/v1/recognition/faces?subject=Alice", json={"file": text(ALICE)}),
    "deepstack": lambda client: client.post(
        "/v1/vision/face/register", data={"userid": "Alice", "image": upload(ALICE)}
    ),
}

# Whom each door that identifies finds on a photo of this colour.
IDENTIFY = {
    "native": lambda client, colour: names(
        client.post("/identify", json={"img": text(colour)}).json["result"][0]["matches"]
    ),
    "native, recognize": lambda client, colour: names(
        client.post("/recognize", json={"img": text(colour)}).json["result"][0]["matches"]
    ),
    "localai": lambda client, colour: names(
        client.post("/v1/face/identify", json={"img": text(colour)}).json["matches"]
    ),
    "localai, its model": lambda client, colour: names(
        client.post("/v1/face/identify", json={"img": text(colour), **LOCALAI}).json["matches"]
    ),
    "face-api": lambda client, colour: names(
        client.post("/face-api/recognize", json={"img": text(colour)}).json["matches"],
        "person_id",
        only_matches=False,
    ),
    "deepface": lambda client, colour: {
        one["img_name"].partition("/")[0]
        for one in client.post("/deepface/search", json={"img": text(colour)}).json["results"][0]
    },
    "compreface": lambda client, colour: {
        one["subject"]
        for face in client.post("/api/v1/recognition/recognize", json={"file": text(colour)}).json["result"]
        for one in face["subjects"]
        if one["similarity"] >= 0.5
    },
    "deepstack": lambda client, colour: (
        {
            one["userid"]
            for one in client.post("/v1/vision/face/recognize", data={"image": upload(colour)}).json["predictions"]
        }
        - {"unknown"}
    ),
}


@pytest.mark.parametrize("identifies", IDENTIFY)
@pytest.mark.parametrize("enrols", ENROL)
def test_a_person_of_one_door_is_found_at_every_other_and_a_stranger_at_none(make_app, enrols, identifies):
    client = make_app(default_model="Dlib").test_client()
    answer = ENROL[enrols](client)
    assert answer.status_code in (200, 201), answer.text
    assert IDENTIFY[identifies](client, ALICE) == {"Alice"}
    assert IDENTIFY[identifies](client, STRANGER) == set()


def test_a_name_is_one_person_at_all_doors_and_is_deleted_at_one_for_all(make_app):
    client = make_app().test_client()
    assert {enrol(client).status_code for enrol in ENROL.values()} <= {200, 201}
    (person,) = client.get("/persons").json["persons"]
    assert (person["name"], person["faces"]) == ("Alice", len(ENROL))
    assert client.post("/v1/vision/face/delete", data={"userid": "Alice"}).json["success"] is True
    assert client.get("/persons").json["persons"] == []
