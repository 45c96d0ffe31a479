import numpy as np
import pytest

from core.exceptions import DeepFaceError
from services.find import batches
from services.find.batches import embedded_photos
from services.find.index import IndexKey
from services.find.photos import PhotoEmbedder, PhotoUnavailable
from tests.pictures import ALICE, BOB, MASK, write_photo
from tests.services.find.conftest import POLICY
from tests.services.find.index_builder import SPACE


@pytest.fixture
def together(engine):
    """How many faces each call of the engine embeds."""
    embed, sizes = engine.embed, []

    def told(crops, **options):
        sizes.append(len(crops))
        return embed(crops, **options)

    engine.embed = told
    return sizes


@pytest.fixture
def embed(engine, photos):
    """The photos of the folder, by name: their faces, or why they have none."""

    def embed(names, *, lanes=1, batch_size=4):
        key = IndexKey(folder=str(photos), detector="opencv", space=SPACE, weights="")
        embedder = PhotoEmbedder(engine=engine, policy=POLICY, max_faces=256)
        results = list(embedded_photos(embedder, key, names, lanes=lanes, batch_size=batch_size))
        assert sorted(name for name, _ in results) == sorted(names)
        return dict(results)

    return embed


def write(photos, *shown):
    names = [f"{number:02}.png" for number in range(len(shown))]
    for name, colours in zip(names, shown, strict=True):
        write_photo(photos / name, *colours)
    return names


def colours(faces):
    return [tuple(embedding[:3].astype(int)) for embedding in faces.embeddings]


def test_faces_of_several_photos_are_embedded_together_and_each_gets_its_own(embed, photos, together):
    shown = [(ALICE,), (BOB, ALICE), (MASK,), (), (BOB,), (ALICE, BOB), (MASK,), (BOB,)]
    results = embed(write(photos, *shown))
    assert together == [4, 4, 1]
    assert [colours(results[name]) for name in sorted(results)] == [list(one) for one in shown]
    assert all(len(faces.boxes) == len(faces.embeddings) for faces in results.values())
    assert results["03.png"].problem == "no_face_detected"


def test_lanes_share_batches_and_lose_no_photo(embed, photos, together):
    shown = [(ALICE, BOB) if number % 3 else (MASK,) for number in range(60)]
    results = embed(write(photos, *shown), lanes=4)
    assert [colours(results[name]) for name in sorted(results)] == [list(one) for one in shown]
    assert sum(together) == sum(map(len, shown))
    assert len(together) <= 26  # of 100 faces, four or five at a time


def test_one_photo_that_cannot_be_embedded_fails_alone(embed, photos, engine):
    names = write(photos, (ALICE,), (MASK,), (BOB,), (BOB,))
    embed_all, tried = engine.embed, []

    def fails_for_a_mask(crops, **options):
        tried.append(len(crops))
        if any(np.array_equal(crop[0, 0], MASK) for crop in crops):
            raise DeepFaceError
        return embed_all(crops, **options)

    engine.embed = fails_for_a_mask
    results = embed(names)
    assert isinstance(results["01.png"], PhotoUnavailable)
    assert [colours(results[name]) for name in ("00.png", "02.png", "03.png")] == [[ALICE], [BOB], [BOB]]
    assert tried == [4, 1, 1, 1, 1]


def test_large_crops_do_not_wait_for_a_full_batch(embed, photos, together, monkeypatch):
    monkeypatch.setattr(batches, "_MAX_WAITING_BYTES", 2 * 40 * 40 * 3)
    embed(write(photos, *[(ALICE,)] * 4), batch_size=100)
    assert together == [2, 2]


def test_a_crop_does_not_keep_its_picture(engine, photos):
    (name,) = write(photos, (ALICE,))
    key = IndexKey(folder=str(photos), detector="opencv", space=SPACE, weights="")
    (crop,) = PhotoEmbedder(engine=engine, policy=POLICY, max_faces=256).detected(key, name).crops
    assert crop.base is None
