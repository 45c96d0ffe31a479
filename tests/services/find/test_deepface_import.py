import logging
import os
import zipfile

import numpy as np
import pytest

from core.files import signature_of
from schemas.find import FindRequest
from services.deepface.interface import EmbeddingSpace
from services.find.deepface_import.index_rows import file_name, photo_hash, pickle_options
from services.find.index import IndexKey
from tests.deepface_files import DIMENSION, NPZ, as_arrays, row, rows, write_npz
from tests.pictures import ALICE, BOB, MASK, photo, write_photo


def space(**changes):
    options = {"model": "VGG-Face", "alignment": "eyes", "detection": "deepface", "normalization": "Facenet2018"}
    return EmbeddingSpace(**options | {"expand_percentage": 7} | changes)


def key(folder="", detector="opencv", **changes):
    return IndexKey(folder=str(folder), detector=detector, space=space(**changes), weights="")


def test_the_files_have_deepfaces_names():
    name = "ds_model_vggface_detector_opencv_aligned_normalization_facenet2018_expand_7"
    assert file_name(key()) == f"{name}.npz"
    assert file_name(key(alignment="none")) == f"{name}.npz".replace("aligned", "unaligned")
    assert file_name(key(alignment="another")) is None
    assert file_name(key(detection="another")) is None
    options = {"model_name": "VGG-Face", "detector_backend": "opencv", "normalization": "Facenet2018"}
    assert pickle_options(f"{name}.pkl") == options | {"align": True, "expand_percentage": 7}
    assert pickle_options(f"{name}.pkl".replace("aligned", "unaligned"))["align"] is False
    assert pickle_options("representations_vgg_face.pkl") == {}


def test_the_hash_is_that_of_deepface_for_any_time(tmp_path):
    from deepface.commons.image_utils import find_image_hash

    file = tmp_path / "photo.png"
    chance = np.random.default_rng(1)
    for size, nanoseconds in chance.integers([0, 0], [1000, 2**62], (500, 2)).tolist():
        file.write_bytes(bytes(size))
        os.utime(file, ns=(0, nanoseconds))
        assert photo_hash(signature_of(file.stat())) == find_image_hash(str(file))


@pytest.fixture
def settings(settings):
    """Faces are found and cut out as DeepFace does it, or its index is of another space."""
    return settings.model_copy(update={"detection": "deepface", "default_alignment": "eyes"})


@pytest.fixture
def service(make_service, engine, settings):
    return make_service(engine)


@pytest.fixture
def folder(photos):
    """Three photos, of Alice, Bob and somebody with a mask."""
    for name, colour in (("alice/1.png", ALICE), ("bob.png", BOB), ("mask.png", MASK)):
        write_photo(photos / name, colour)
    return photos


def of(colour):
    return np.array([*colour, *[0.0] * (DIMENSION - 3)])


def found(service, folder):
    """The identity, below the folder, and box of everything that Alice is compared with."""
    request = FindRequest(img=photo(ALICE), model_name="Dlib", similarity_search=True, refresh="wait")
    answer = service.find(request)
    assert answer.pending == 0
    return {os.path.relpath(hit.identity, folder): (hit.target_x, hit.distance) for hit in answer.result[0]}


def test_photos_that_deepface_has_are_not_embedded_again(service, folder, engine):
    write_npz(folder / NPZ, [row(folder, "alice/1.png", of(BOB), (1, 2, 3, 4)), row(folder, "bob.png", of(ALICE))])
    answer = found(service, folder)
    assert engine.embedded == 2  # the query, and the photo that DeepFace does not have
    assert answer["alice/1.png"][0] == 1
    assert answer["bob.png"][1] == pytest.approx(0)
    (folder / NPZ).unlink()
    write_photo(folder / "bob.png", ALICE)
    assert len(found(service, folder)) == 3
    assert engine.embedded == 2 + 2


@pytest.mark.parametrize("prefix", ["", "faces", "./faces/", "/another/mount", "C:/faces/../alice"])
def test_a_photo_is_known_under_whatever_path_deepface_had_the_folder(service, folder, engine, prefix):
    recorded = [row(folder, name, of(MASK)) for name in ("alice/1.png", "bob.png", "mask.png")]
    for one in recorded:
        one["identity"] = os.path.join(prefix, os.path.relpath(one["identity"], folder))
    write_npz(folder / NPZ, recorded)
    found(service, folder)
    assert engine.embedded == 1


def test_several_faces_of_a_photo_and_a_photo_recorded_twice(service, folder, engine):
    recorded = [row(folder, "bob.png", of(colour)) for colour in (ALICE, BOB)]
    again = [one | {"identity": f"/elsewhere{one['identity']}"} for one in recorded]
    write_npz(folder / NPZ, [recorded[0], again[0], recorded[1], again[1]])
    request = FindRequest(img=photo(ALICE), model_name="Dlib", similarity_search=True)
    identities = [os.path.basename(hit.identity) for hit in service.find(request).result[0]]
    assert sorted(identities) == ["1.png", "bob.png", "bob.png", "mask.png"]
    assert engine.embedded == 1 + 2


@pytest.mark.parametrize(
    "changes",
    [
        {"hash": "0" * 40}, {"identity": "/faces/rob.png"}, {"identity": "/faces/bob.png/"}, {"embedding": None},
        {"target_x": 0, "target_y": 0}, {"target_x": -1}, {"target_w": 10**7},
        *({"embedding": [number] * DIMENSION} for number in (float("nan"), float("inf"), 1e300, 0.0)),
    ],
)  # fmt: skip
def test_a_row_that_is_not_sound_is_embedded_again_and_the_others_are_not(service, folder, engine, changes):
    recorded = [
        row(folder, "alice/1.png", of(ALICE)),
        row(folder, "mask.png", of(MASK)),
        row(folder, "bob.png", of(BOB)),
    ]
    recorded[2] |= changes
    write_npz(folder / NPZ, recorded)
    assert found(service, folder)["bob.png"][0] == 20
    assert engine.embedded == 1 + 1


def test_the_whole_picture_is_a_face_only_where_no_detector_was_asked(service, folder, engine):
    write_npz(folder / NPZ.replace("opencv", "skip"), [row(folder, "bob.png", of(ALICE), (0, 0, 200, 120))])
    request = FindRequest(img=photo(ALICE), model_name="Dlib", detector_backend="skip", similarity_search=True)
    service.find(request)
    assert engine.embedded == 1 + 2


def test_a_changed_photo_is_embedded_anew(service, folder, engine):
    write_npz(folder / NPZ, rows(folder))
    write_photo(folder / "bob.png", ALICE)
    assert found(service, folder)["bob.png"][1] == pytest.approx(0)
    assert engine.embedded == 1 + 1


def test_with_an_index_of_our_own_deepfaces_is_not_asked(service, folder, engine):
    found(service, folder)
    write_npz(folder / NPZ, rows(folder))
    engine.weights = "others"
    found(service, folder)
    assert engine.embedded == 4 + 4


def test_an_index_that_is_not_used_because_of_the_settings_is_told_once(make_service, folder, engine, caplog):
    write_npz(folder / NPZ, rows(folder))
    service = make_service(engine)
    caplog.set_level(logging.INFO, "services.find.deepface_import.npz")
    for options in ({}, {"alignment": "template"}, {"detector_backend": "ssd"}):
        for _ in range(2):
            image = FindRequest(img=photo(ALICE), model_name="Dlib", refresh="wait", detection="bounded", **options)
            service.find(image)
    told = [record for record in caplog.records if record.name == "services.find.deepface_import.npz"]
    assert [record.message[:24] for record in told] == ["DeepFace index not used:"] * 2
    assert (told[0].model, told[0].detector) == ("Dlib", "opencv")


def compressed(path):
    np.savez_compressed(path, **as_arrays(rows(path.parent)))


def of_another_model(path):
    write_npz(path, rows(path.parent), embedding=np.ones((4, 512)))


def with_objects(path):
    write_npz(path, rows(path.parent), identity=np.array([["a"], None, {}, 1], object))


def without_hashes(path):
    write_npz(path, rows(path.parent), hash=None)


def with_too_few(path):
    write_npz(path, rows(path.parent), target_x=np.array([1, 2]))


def with_long_paths(path):
    write_npz(path, rows(path.parent), identity=np.array(["x" * 5000] * 4))


def by_columns(path):
    write_npz(path, rows(path.parent), embedding=np.ones((DIMENSION, 4)).T)


def cut(path):
    write_npz(path, rows(path.parent))
    os.truncate(path, path.stat().st_size // 2)


def with_a_flipped_bit(path):
    write_npz(path, rows(path.parent))
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)


def huge(path):
    write_npz(path, rows(path.parent))
    os.truncate(path, 2**36 + 1)


def of_many_members(path):
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(10_000):
            archive.writestr(f"{number}.npy", b"")


def outside(path):
    elsewhere = path.parent.parent / "index.npz"
    write_npz(elsewhere, rows(path.parent))
    path.symlink_to(elsewhere)


@pytest.mark.parametrize(
    "make",
    [
        compressed, of_another_model, with_objects, without_hashes, with_too_few, with_long_paths, by_columns, cut,
        with_a_flipped_bit, huge, of_many_members, outside, os.mkfifo, os.mkdir, lambda path: path.write_bytes(b""),
    ],
)  # fmt: skip
def test_a_damaged_or_hostile_index_is_ignored_with_one_line(service, folder, engine, caplog, make):
    make(folder / NPZ)
    caplog.set_level(logging.WARNING)
    assert len(found(service, folder)) == 3
    assert engine.embedded == 1 + 3
    (record,) = [one for one in caplog.records if one.name != "services.audit.recorder"]  # of an app before
    assert record.exc_info is None
    assert str(folder) not in str(vars(record))
