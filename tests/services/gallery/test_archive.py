"""A gallery's file: taken to another gallery, and damaged or forged in every way."""

import io
import json
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from services.database.choice import make_database
from services.gallery.archive.reader import UnreadableExport
from services.gallery.archive.writer import GalleryFileService, Imported, IncompleteExport
from services.gallery.store.sqlite_search import MatrixSearch
from services.gallery.store.store import GalleryStore
from tests.services.gallery.store.test_store import (
    FORGET,
    OTHER,
    REGISTER,
    embedded,
    everybody,
    face,
    near,
    register,
)
from tests.services.gallery.store.test_store import comparable as same_as


@pytest.fixture
def make_gallery(tmp_path):
    databases = []

    def make(name):
        databases.append(make_database(f"sqlite:///{tmp_path / name}.db"))
        return GalleryStore(databases[-1], MatrixSearch(databases[-1]))

    yield make
    for database in databases:
        database.close()


def files_of(store, record=lambda _: None):
    return GalleryFileService(store=store, record=record)


@pytest.fixture
def gallery(make_gallery):
    made = make_gallery("from")
    register(made, "Ann", face(1, liveness=0.5, crop=b"png"), face(3, space=OTHER), labels={"a": "b"})
    register(made, "Bob", face(2), metadata={"n": [1, None]}, collection="staff")
    made.add_collection("empty", REGISTER)
    return made


@pytest.fixture
def exported(gallery, tmp_path):
    path = tmp_path / "exports" / "gallery.zip"
    assert files_of(gallery).export(path) == (2, 3)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o600
    return path


def comparable(store):
    return [(person, {one.id: same_as(one.face) for one in faces}) for person, faces in everybody(store)]


def test_what_is_exported_is_imported_as_it_was(gallery, exported, make_gallery):
    other = make_gallery("to")
    service = files_of(other)
    assert service.load(exported) == Imported(stored=2)
    assert comparable(other) == comparable(gallery)
    assert other.collections() == gallery.collections()
    assert near(other, 1) == [("Ann", 0.0)]
    assert service.load(exported) == Imported(known=2)


def test_a_face_of_several_embeddings_is_one_face_elsewhere(make_gallery, tmp_path):
    gallery, path = make_gallery("from"), tmp_path / "gallery.zip"
    register(gallery, "Ann", face(1, crop=b"png", also=[embedded(2, space=OTHER)]))
    register(gallery, "Bob", face(3, space=OTHER), face(4))
    assert files_of(gallery).export(path) == (2, 3)
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("manifest.json"))["format"] == 2
    other = make_gallery("to")
    assert files_of(other).load(path) == Imported(stored=2)
    assert comparable(other) == comparable(gallery)
    assert near(other, 1)[0] == near(other, 2, space=OTHER)[0] == ("Ann", 0.0)
    place = next(line["also"][0]["space"] for line in lines_of(path) if "also" in line)
    rewrite(path, edit("faces.jsonl", b'"also":[{"space":%d' % place, b'"also":[{"space":%d' % (1 - place)))
    with pytest.raises(UnreadableExport):
        files_of(make_gallery("other")).load(path)


def test_a_face_takes_the_name_of_its_photo_along(make_gallery, tmp_path):
    gallery, path = make_gallery("from"), tmp_path / "gallery.zip"
    register(gallery, "Ann", face(1, photo="ann/1.jpg"), face(2))
    files_of(gallery).export(path)
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("manifest.json"))["format"] == 2
    assert {line.get("photo") for line in lines_of(path)} == {"ann/1.jpg", None}
    other = make_gallery("to")
    assert files_of(other).load(path) == Imported(stored=1)
    assert comparable(other) == comparable(gallery)
    rewrite(path, edit("faces.jsonl", b"ann/1.jpg", b"ann/\\u001b.jpg"))
    with pytest.raises(UnreadableExport):
        files_of(make_gallery("other")).load(path)


def test_a_face_that_is_set_aside_is_so_elsewhere_in_a_format_that_earlier_versions_refuse(make_gallery, tmp_path):
    gallery, path = make_gallery("from"), tmp_path / "gallery.zip"
    register(gallery, "Ann", face(1, set_aside=True), face(2, photo="ann/1.jpg"))
    files_of(gallery).export(path)
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("manifest.json"))["format"] == 3
    other = make_gallery("to")
    assert files_of(other).load(path) == Imported(stored=1)
    assert comparable(other) == comparable(gallery)
    ((_, faces),) = everybody(other)
    assert sorted(one.face.set_aside for one in faces) == [False, True]


def lines_of(path):
    with zipfile.ZipFile(path) as archive:
        return list(map(json.loads, archive.read("faces.jsonl").splitlines()))


def test_faces_of_one_embedding_are_exported_as_by_earlier_versions(exported):
    with zipfile.ZipFile(exported) as archive:
        assert json.loads(archive.read("manifest.json"))["format"] == 1
    assert not any("also" in line for line in lines_of(exported))


def test_an_import_goes_on_where_another_ended(gallery, exported, make_gallery):
    other = make_gallery("to")
    other.restore(*everybody(gallery)[0], REGISTER)
    assert files_of(other).load(exported) == Imported(stored=1, known=1)
    assert comparable(other) == comparable(gallery)


def test_who_stands_in_the_way_stays(exported, make_gallery):
    other = make_gallery("to")
    register(other, "Ann", face(7))
    assert files_of(other).load(exported) == Imported(stored=1, refused=["Ann"])
    assert near(other, 7) == [("Ann", 0.0)]


@pytest.mark.parametrize("into_the_first", [True, False])
def test_a_merge_during_an_export_is_in_it_as_a_whole_or_not_at_all(gallery, make_gallery, tmp_path, into_the_first):
    register(gallery, "Cid", face(5), collection="staff")
    register(gallery, "Dan", face(6), collection="staff")
    register(gallery, "Dan", face(7), collection="staff")
    before = comparable(gallery)
    staff = [person.id for person, _ in everybody(gallery) if person.collection == "staff"]

    class MergedMeanwhile(type(gallery)):
        @contextmanager
        def snapshot(self):
            with super().snapshot() as snapshot:
                yield replace(snapshot, persons=self._merging(snapshot.persons))

        def _merging(self, persons):
            for person, faces in persons:
                yield person, faces
                if person.id == staff[0]:
                    into, *others = staff if into_the_first else staff[::-1]
                    gallery.merge(into, others, REGISTER)

    merging = MergedMeanwhile(gallery._database, gallery._search)
    assert files_of(merging).export(tmp_path / "merged.zip") == (4, 6)
    other = make_gallery("to")
    assert files_of(other).load(tmp_path / "merged.zip") == Imported(stored=4)
    assert comparable(other) == before != comparable(gallery)


def test_the_arrays_are_numpys(exported):
    with zipfile.ZipFile(exported) as archive:
        shapes = {np.load(io.BytesIO(archive.read(f"embeddings/{place}.npy"))).shape for place in (0, 1)}
    assert shapes == {(2, 128), (1, 4096)}


def test_a_failed_export_leaves_the_file_before(gallery, exported, monkeypatch):
    before = exported.read_bytes()
    monkeypatch.setattr("services.gallery.archive.writer.Manifest", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        files_of(gallery).export(exported)
    assert exported.read_bytes() == before
    assert [file.name for file in exported.parent.iterdir()] == [exported.name]


def test_an_export_is_recorded_and_there_is_none_where_that_fails(gallery, exported):
    events, before = [], exported.read_bytes()
    assert files_of(gallery, events.append).export(exported) == (2, 3)
    (event,) = events
    assert (event.action, event.outcome, event.details) == ("export", "done", {"persons": 2, "faces": 3})
    exported.write_bytes(before)
    with pytest.raises(ZeroDivisionError):
        files_of(gallery, lambda _: 1 / 0).export(exported)
    assert exported.read_bytes() == before


def rewrite(path, change, *, compression=zipfile.ZIP_STORED, honest=True):
    """Write the file anew after `change` of its members; `honest` with the right checksums."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    manifest = json.loads(members.pop("manifest.json"))
    if honest:
        manifest["members"] = {name: sha256(content).hexdigest() for name, content in members.items()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in (members | {"manifest.json": json.dumps(manifest).encode()}).items():
            archive.writestr(name, content)


def edit(name, old, new):
    def change(members):
        assert old in members[name]
        members[name] = members[name].replace(old, new, 1)

    return change


def put(name, content):
    return lambda members: members.update({name: content})


def array(value):
    file = io.BytesIO()
    np.save(file, value)
    return file.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        edit("manifest.json", b'"format": 1', b'"format": 4'),
        edit("manifest.json", b'"persons": 2', b'"persons": 3'),
        edit("manifest.json", b'"persons": 2', b'"persons": 1'),
        edit("manifest.json", b'"faces": 3', b'"faces": 4'),
        edit("manifest.json", b'"Dlib"', b'"Nobody"'),
        edit("persons.jsonl", b'"Ann"', b'""'),
        edit("persons.jsonl", b'"faces":2', b'"faces":1000000000'),
        edit("faces.jsonl", b'"space":0', b'"space":9'),
        edit("faces.jsonl", b'"detector":', b'"other":'),
        edit("faces.jsonl", b'"has_crop":false', b'"has_crop":true'),
        put("faces.jsonl", b"{}"),
        put("persons.jsonl", b"\xff\n" * 2),
        put("embeddings/0.npy", b"no array"),
        put("embeddings/0.npy", array(np.zeros((2, 128), np.float64))),
        put("embeddings/0.npy", array(np.zeros((2, 5), np.float32))),
        put("embeddings/0.npy", array(np.full((2, 128), np.nan, np.float32))),
        put("embeddings/0.npy", array(np.array([[print]], object))),
        lambda members: members.pop("embeddings/1.npy"),
    ],
)
def test_a_forged_file_is_refused_and_nothing_stored(exported, make_gallery, change):
    rewrite(exported, change)
    other = make_gallery("to")
    with pytest.raises(UnreadableExport):
        files_of(other).load(exported)
    assert other.collections() == {}


@pytest.mark.parametrize(
    "options",
    [
        {"change": put("more", b""), "honest": False},
        {"change": edit("persons.jsonl", b"Ann", b"Eve"), "honest": False},
        {"change": lambda _: None, "compression": zipfile.ZIP_DEFLATED},
    ],
)
def test_a_file_with_other_members_checksums_or_packed_ones_is_refused(exported, make_gallery, options):
    rewrite(exported, **options)
    with pytest.raises(UnreadableExport):
        files_of(make_gallery("to")).load(exported)


def test_a_damaged_file_is_refused(exported, make_gallery):
    whole = exported.read_bytes()
    service = files_of(make_gallery("to"))
    for damaged in (b"", whole[:100], whole[:-100], whole[100:], whole[:200] + b"x" + whole[201:]):
        exported.write_bytes(damaged)
        with pytest.raises(UnreadableExport):
            service.load(exported)
    exported.write_bytes(whole)
    assert service.load(exported).stored == 2


def test_what_was_forgotten_comes_back_only_from_a_file(gallery, exported):
    ((person, _), *_) = everybody(gallery)
    gallery.forget(FORGET, person_id=person.id)
    assert files_of(gallery).load(exported) == Imported(stored=1, known=1)


def test_a_twin_gives_its_faces_to_the_first_and_is_reported(make_gallery, tmp_path):
    path, one, other = tmp_path / "gallery.zip", make_gallery("one"), make_gallery("other")
    theirs, _ = register(one, "Jose\u0301", face(1))
    ours, _ = register(other, "JOS\u00c9", face(2))
    assert files_of(one).export(path) == (1, 1)
    for _ in range(2):
        assert files_of(other).load(path) == Imported(joined={theirs.id: ours.id})
        assert (other.person(ours.id).name, other.person(ours.id).faces) == ("JOS\u00c9", 2)
    assert near(other, 1)[0] == ("JOS\u00c9", 0.0)


def deep(levels):
    return b'"metadata":' + b'{"a":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'"name":"Ann"', b'"name":"An\\u202en"', "name: "),
        (b'"name":"Ann"', b'"name":"An\\u009bn"', "name: "),
        (b'"name":"Ann"', b'"name":"\\u3164"', "name: "),
        (b'"name":"Ann"', '"name":"{}"'.format("\ufdfa" * 200).encode(), "name: "),
        (b'"labels":{"a":"b"}', b'"labels":{"a":"b\\u2028"}', "labels: "),
        (b'"labels":{"a":"b"}', b'"labels":{"a b":"b"}', "labels: "),
        (b'"labels":{"a":"b"}', b'"labels":{%s}' % b",".join(b'"%d":""' % n for n in range(51)), "labels: "),
        (b'"metadata":{}', deep(33), "metadata: "),
        (b'"metadata":{}', b'"metadata":{"a":"%s"}' % (b"x" * 10_000), "metadata: "),
        (b'"metadata":{}', b'"metadata":{"a":1e400}', "metadata: "),
        (b'"retain_until":null', b'"retain_until":"9999-12-31T23:59:59-14:00"', "retain_until: "),
        (b'"retain_until":null', b'"retain_until":"0001-01-01T00:00:00+14:00"', "retain_until: "),
    ],
)
def test_who_has_what_no_request_may_give_is_refused_alone(gallery, exported, make_gallery, old, new, reason):
    def change(members):
        lines = members["persons.jsonl"].splitlines(keepends=True)
        members["persons.jsonl"] = b"".join(line.replace(old, new) if b'"Ann"' in line else line for line in lines)

    rewrite(exported, change)
    other = make_gallery("to")
    done = files_of(other).load(exported)
    assert (done.stored, list(done.invalid)) == (
        1,
        [person.id for person, _ in everybody(gallery) if person.name == "Ann"],
    )
    assert next(iter(done.invalid.values())).startswith(reason)
    assert [person.name for person, _ in everybody(other)] == ["Bob"]


def test_who_is_here_is_known_even_with_values_of_an_earlier_version(make_gallery, tmp_path):
    one = make_gallery("one")
    register(one, "An\u202en", face(1), labels={"a": "b\tc"})
    assert files_of(one).export(tmp_path / "one.zip") == (1, 1)
    assert files_of(one).load(tmp_path / "one.zip") == Imported(known=1)
    assert len(files_of(make_gallery("other")).load(tmp_path / "one.zip").invalid) == 1


def test_a_time_beyond_utc_in_a_face_is_no_export(exported, make_gallery):
    def change(members):
        line = members["faces.jsonl"].split(b'"registered_at":"')
        line[1] = b"9999-12-31T23:59:59-14:00" + line[1][line[1].index(b'"') :]
        members["faces.jsonl"] = b'"registered_at":"'.join(line)

    rewrite(exported, change)
    with pytest.raises(UnreadableExport):
        files_of(make_gallery("to")).load(exported)


def test_who_cannot_be_read_is_left_out_of_the_export_and_named(gallery, make_gallery, tmp_path):
    path, (ann,) = tmp_path / "gallery.zip", [one for one, _ in everybody(gallery) if one.name == "Ann"]
    with gallery._database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE persons SET metadata = ? WHERE name = 'Ann'", ('{"a":' * 255 + "1" + "}" * 255,)
        )
    with pytest.raises(IncompleteExport, match=f"1 persons, 1 faces exported, .*{ann.id}"):
        files_of(gallery).export(path)
    assert files_of(make_gallery("to")).load(path) == Imported(stored=1)
