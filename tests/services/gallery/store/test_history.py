"""A random history of many clients on several workers, against a plain set."""

import random
import threading

import numpy as np

from tests.services.gallery.store.test_store import FORGET, SPACE, face, register

CLIENTS = 8
OPERATIONS = 2000


def test_no_client_ever_sees_anything_but_what_was_registered_and_not_forgotten(make_store):
    workers = [make_store(), make_store()]
    embeddings = np.random.default_rng(0).normal(size=(CLIENTS * 6, 128)).astype(np.float32)
    wrong = []

    def found(worker, number):
        probe = embeddings[number].astype(np.float64)
        near = worker.nearest(probe, space=SPACE, collection="default", metric="euclidean", k=1, within=1e-3)
        return [one.person.name for one in near]

    def client(first):
        rng = random.Random(first)
        there = {}  # this client's persons, whom nobody else touches
        for _ in range(OPERATIONS // CLIENTS):
            number = first + rng.randrange(6)
            worker, other = rng.choice(workers), rng.choice(workers)
            if number not in there:
                person, _ = register(worker, f"p{number}", face(embedding=embeddings[number]))
                there[number] = person.id
            elif rng.random() < 0.5:
                worker.forget(FORGET, person_id=there.pop(number))
            expected = [f"p{number}"] if number in there else []
            if found(other, number) != expected:
                wrong.append((number, expected))

    def run(first):
        try:
            client(first)
        except Exception as error:
            wrong.append(repr(error))

    threads = [threading.Thread(target=run, args=(number * 6,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert wrong == []


def test_one_at_a_time_is_one_of_all_workers(make_store):
    workers = [make_store(), make_store(), make_store()]
    inside, most = [], []

    def run(worker):
        for _ in range(10):
            with worker.one_at_a_time():
                inside.append(worker)
                most.append(len(inside))
                worker.collections()
                inside.pop()

    threads = [threading.Thread(target=run, args=(worker,)) for worker in workers for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [1] * 60
