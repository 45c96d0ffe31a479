"""What DeepFace itself left in the folder answers as our own index does, and nothing is embedded again."""

import shutil

import cv2
import numpy as np
import pytest

from api.context import services_of
from api.factory import create_app
from services.find.photos import PhotoEmbedder
from tests.deepface_files import write_pickle
from tests.models.comparing import assert_same, post
from tests.pictures import encoded

OPTIONS = [
    {"model_name": "Dlib", "detector_backend": "opencv"},
    {"model_name": "Dlib", "detector_backend": "dlib", "align": False, "expand_percentage": 10},
    {"model_name": "Dlib", "detector_backend": "skip"},
    {"model_name": "VGG-Face", "detector_backend": "opencv", "normalization": "VGGFace2"},
    {"model_name": "SFace", "detector_backend": "opencv"},
]


@pytest.fixture
def folder(photos, astronaut, hopper, two):
    """Three photos with faces, the last with two, and one without."""
    (photos / "collins").mkdir()
    shutil.copyfile(astronaut, photos / "collins" / "1.png")
    shutil.copyfile(hopper, photos / "hopper.jpg")
    (photos / "two.PNG").write_bytes(two)
    (photos / "none.png").write_bytes(encoded(cv2.imread(str(astronaut))[:40, :40]))
    return photos


@pytest.fixture
def embedded(monkeypatch):
    """The names of the photos that our index embeds."""
    names, detected = [], PhotoEmbedder.detected

    def told(self, key, name):
        names.append(name)
        return detected(self, key, name)

    monkeypatch.setattr(PhotoEmbedder, "detected", told)
    return names


@pytest.fixture
def make_app(real_settings, tmp_path):
    """Makes an application with an index folder of its own; it also tells DeepFace where the weights are."""

    def make(name):
        app = create_app(real_settings.model_copy(update={"data_path": tmp_path / name}))
        readiness = services_of(app).health.readiness
        readiness.start()
        assert readiness.wait(60)
        return app

    return make


def found(app, image, options):
    given = {"similarity_search": True, "refresh": "wait"} | options
    answer = post(app.test_client(), "find", {"img": image}, **given)
    assert answer["pending"] == 0
    return answer["result"]


def left_by_deepface(deepface, folder, **options):
    """What `DeepFace.find` leaves in the folder."""
    deepface.find(str(folder / "two.PNG"), str(folder), silent=True, return_type="dict", **options)
    (file,) = folder.glob("*.npz")
    return file


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(map(str, options.values())))
def test_an_npz(make_app, deepface, folder, two, embedded, options):
    app = make_app("taken")
    file = left_by_deepface(deepface, folder, **options)
    taken = found(app, two, options)
    assert embedded == ([] if options["detector_backend"] == "skip" else ["none.png"])
    embedded.clear()
    file.unlink()
    own = found(make_app("own"), two, options)
    assert len(embedded) == 4
    assert sum(map(len, taken)) >= 4
    assert_same(taken, own)


def test_photos_where_deepface_took_the_whole_picture_for_a_face(make_app, deepface, folder, two, embedded):
    app = make_app("taken")
    left_by_deepface(deepface, folder, enforce_detection=False, **OPTIONS[0])
    found(app, two, OPTIONS[0])
    assert embedded == ["none.png"]


def test_a_pickle(make_app, deepface, folder, two, embedded):
    app = make_app("taken")
    npz = left_by_deepface(deepface, folder, **OPTIONS[0])
    with np.load(npz) as archive:
        columns = {name: archive[name].tolist() for name in archive.files}
    npz.unlink()
    has = columns.pop("has_embedding")
    columns["embedding"] = [one if it else None for one, it in zip(columns["embedding"], has, strict=True)]
    recorded = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    write_pickle(npz.with_suffix(".pkl"), recorded)
    result = app.test_cli_runner().invoke(args=["index", "import-pkl", str(npz.with_suffix(".pkl"))])
    assert (result.exit_code, result.output) == (0, "3 photos imported; 1 left to embed\n")
    taken = found(app, two, OPTIONS[0])
    assert embedded == ["none.png"]
    assert_same(taken, found(make_app("own"), two, OPTIONS[0]))
