"""`/find` gives the rows that DeepFace.find gives, on folders and options of every kind."""

import shutil

import cv2
import numpy as np
import pytest
from deepface.modules import verification

from core.images.decoding import decode
from tests.models.comparing import ON_THE_GRID, POLICY, TOLERANCE, assert_same, post, threshold_of
from tests.pictures import encoded


@pytest.fixture
def folder(photos, two, one, tmp_path):
    """Photos of both persons; and a copy of the folder, in which DeepFace may leave its index."""
    for name in ("collins", "hopper", "misc"):
        (photos / name).mkdir()
    (photos / "collins" / "1.png").write_bytes(encoded(decode(two, POLICY)[:, :307]))
    (photos / "hopper" / "1.jpg").write_bytes(one)
    (photos / "hopper" / "2.jpeg").write_bytes(encoded(cv2.convertScaleAbs(decode(one, POLICY), alpha=0.7), ".jpg"))
    (photos / "misc" / "two.PNG").write_bytes(two)
    (photos / "misc" / "none.png").write_bytes(encoded(np.zeros((50, 50, 3), np.uint8)))
    (photos / "notes.txt").write_text("no photo")
    return photos, shutil.copytree(photos, tmp_path / "copy")


WAYS = [("cosine", False), ("euclidean", False), ("euclidean_l2", True), ("angular", True)]


@ON_THE_GRID
def test_find(real_client, deepface, folder, two, model, detector):
    photos, copy = folder
    for metric, similarity_search in WAYS:
        threshold = threshold_of(model, metric)
        options = {
            "model_name": model,
            "detector_backend": detector,
            "distance_metric": metric,
            "threshold": threshold,
            "similarity_search": similarity_search,
        }
        ours = post(real_client, "find", {"img": two}, **options)
        theirs = deepface.find(decode(two, POLICY), str(copy), return_type="dict", silent=True, **options)
        assert ours["faces_queried"] == len(theirs)
        assert any(theirs)
        assert {row["threshold"] for rows in ours["result"] for row in rows} == {threshold}
        for mine, rows in zip(ours["result"], theirs, strict=True):
            # DeepFace lists photos without a face, infinitely far away
            expected = [row for row in rows if np.isfinite(row["distance"])]
            for row in expected:
                row["identity"] = row["identity"].replace(str(copy), str(photos))
                row["person"] = row["identity"].removeprefix(f"{photos}/").split("/")[0]
                del row["hash"]
                if similarity_search:
                    judged_by(row, threshold, model, metric)
            for row in mine:
                assert row.pop("photo_id")  # which DeepFace has not
            order = ("distance", "identity", "target_x")
            assert_same(
                sorted(mine, key=lambda row: [row[key] for key in order]),
                sorted(expected, key=lambda row: [row[key] for key in order]),
            )
    assert not [path for path in photos.rglob("*") if path.suffix in (".npz", ".pkl")]


def judged_by(row, threshold, model, metric):
    """The row as the threshold judges it; under similarity_search DeepFace's is infinite, which is no JSON."""
    assert row["threshold"] == np.inf
    row["threshold"], distance = threshold, row["distance"]
    verified = bool(distance <= threshold)
    row["confidence"] = verification.find_confidence(
        distance=distance, model_name=model, distance_metric=metric, verified=verified
    )


def random_photo(rng, faces):
    """Up to three of the faces side by side, lighter or darker, larger or smaller, mirrored or not."""
    parts = []
    for face in rng.choice(len(faces), rng.integers(1, 4)):
        part = cv2.convertScaleAbs(faces[face], alpha=rng.uniform(0.6, 1.3))
        part = part[:, ::-1] if rng.random() < 0.5 else part
        parts.append(cv2.resize(part, (160, 180)))
    picture = np.hstack(parts)
    return cv2.resize(picture, None, fx=(scale := rng.uniform(0.8, 1.2)), fy=scale)


@pytest.fixture
def random_folder(photos, two, one, tmp_path):
    """Makes a folder of random photos in random folders, some without a face, its copy for DeepFace, and a query."""
    faces = [decode(two, POLICY)[:, :307], decode(one, POLICY)]

    def make(rng):
        for number in range(9):
            path = photos / str(rng.choice(["alice", "bob/2020", "."])) / f"{rng.integers(10**6)}-{number}"
            path.parent.mkdir(parents=True, exist_ok=True)
            suffix = str(rng.choice([".jpg", ".png", ".JPEG"]))
            picture = np.zeros((90, 90, 3), np.uint8) if number == 4 else random_photo(rng, faces)
            path.with_suffix(suffix).write_bytes(encoded(picture, suffix.lower()))
        for path in list(photos.rglob("*-0.*")):  # the same photo twice is a tie
            shutil.copyfile(path, path.with_stem("copy"))
        return shutil.copytree(photos, tmp_path / "copy"), encoded(random_photo(rng, faces))

    return make


@pytest.mark.parametrize(
    ("seed", "model", "detector"), [(1, "Dlib", "opencv"), (2, "Facenet512", "dlib"), (3, "VGG-Face", "opencv")]
)
def test_find_in_random_folders(real_client, deepface, photos, random_folder, seed, model, detector):
    rng = np.random.default_rng(seed)
    copy, query = random_folder(rng)
    options = {"model_name": model, "detector_backend": detector, "expand_percentage": int(rng.integers(0, 20))}
    rows = {False: 0, True: 0}
    for metric in ("cosine", "euclidean", "euclidean_l2", "angular"):
        options["distance_metric"], own = metric, threshold_of(model, metric)
        every = post(real_client, "find", {"img": query}, similarity_search=True, **options)["result"]
        near = sorted(row["distance"] for rows in every for row in rows)
        middle = near[len(near) // 2] + 1e-4
        for threshold, similarity_search in (
            (own, False),
            (near[0] + 1e-4, False),
            (middle, False),
            (near[-1] * 2, False),
            (own, True),
            (middle, True),
        ):
            limits = options | {"similarity_search": similarity_search, "threshold": threshold}
            limits["k"] = None if rng.random() < 0.5 else int(rng.integers(1, 12))
            ours = post(real_client, "find", {"img": query}, **limits)["result"]
            theirs = deepface.find(decode(query, POLICY), str(copy), return_type="dict", silent=True, **limits)
            for mine, other in zip(ours, theirs, strict=True):
                expected = [row for row in other if np.isfinite(row["distance"])]  # the others have no face
                for row in expected:
                    row["identity"] = row["identity"].replace(str(copy), str(photos))
                    if similarity_search:
                        judged_by(row, threshold, model, metric)
                assert_same_rows(mine, sorted(expected, key=by_distance))
                rows[similarity_search] += len(mine)
    assert min(rows.values()) > 50


def by_distance(row):
    return row["distance"], row["identity"], row["target_x"]


def assert_same_rows(mine, theirs):
    """Assert the same distances in order, and of each face of a photo the same numbers.

    DeepFace keeps float64 and the index float32, so that two rows within the tolerance may change places.
    """
    assert len(mine) == len(theirs)
    assert [(row["distance"], row["identity"]) for row in mine] == sorted(
        (row["distance"], row["identity"]) for row in mine
    )
    for row, other in zip(mine, theirs, strict=True):
        assert row["distance"] == pytest.approx(other["distance"], abs=TOLERANCE)
    face = ("identity", "target_x", "target_y", "target_w", "target_h", "source_x", "source_y", "source_w", "source_h")
    known = {tuple(row[key] for key in face): row for row in theirs}
    for row in mine:
        other = known.get(tuple(row[key] for key in face))
        if other is None:  # only at the end of the k first
            assert row["distance"] == pytest.approx(theirs[-1]["distance"], abs=TOLERANCE)
        else:
            for key in ("distance", "confidence", "threshold"):
                assert row[key] == pytest.approx(other[key], abs=TOLERANCE)
