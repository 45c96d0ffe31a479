"""Requests to the gallery that come at the same moment."""

import threading

from tests.api.v1.test_gallery import text
from tests.pictures import ALICE


def test_the_same_request_from_many_at_once_is_stored_once(app):
    answers = []

    def send():
        headers = {"Idempotency-Key": "k"}
        answers.append(
            app.test_client().post("/register", json={"img": text(ALICE), "name": "A"}, headers=headers).json
        )

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 6
    assert len({answer["id"] for answer in answers}) == 1


def test_of_many_who_register_the_same_face_at_once_only_the_first_may(app):
    statuses = []

    def send(name):
        body = {"img": text(ALICE), "name": name, "on_duplicate": "reject"}
        statuses.append(app.test_client().post("/register", json=body).status_code)

    threads = [threading.Thread(target=send, args=(f"Alice {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(statuses) == [201] + [409] * 7
