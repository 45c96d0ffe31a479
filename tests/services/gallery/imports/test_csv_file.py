"""CSV files of persons, as spreadsheets in several languages write them."""

from datetime import UTC, datetime

import pytest

from services.gallery.imports.csv_file import UnreadableCsv
from tests.pictures import ALICE, ALICIA, BOB, write_photo
from tests.services.gallery.imports.importing import faces, kill_after, names


@pytest.fixture
def folder(tmp_path):
    for name, colour in (("a1.png", ALICE), ("more/a2.png", ALICIA), ("b.png", BOB)):
        write_photo(tmp_path / "csv" / name, colour)
    return tmp_path / "csv"


@pytest.fixture
def take(register, sources, folder):
    """Imports a CSV file with this content."""

    def take(content, **options):
        file = folder / "people.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return register(sources.csv(file, folder), **options)

    return take


def test_names_photos_labels_and_retention_are_imported(take, store):
    content = (
        "name,photo,labels,retain_until\n"
        "Alice,a1.png,team=navy; floor=3,2030-01-31\n"
        "Alice,more/a2.png,,\n"
        '"Bob, Jr.",b.png,,2030-01-31T12:00:00+02:00\n'
    )
    assert take(content) == (3, 0, {})
    assert names(store) == {"Alice": 2, "Bob, Jr.": 1}
    alice, bob = (store.named(name, within="default") for name in ("Alice", "Bob, Jr."))
    assert alice.labels == {"team": "navy", "floor": "3"}
    assert alice.retain_until == datetime(2030, 1, 31, 23, 59, 59, tzinfo=UTC)
    assert bob.retain_until == datetime(2030, 1, 31, 10, tzinfo=UTC)
    assert {face.photo for face in faces(store, "Alice")} == {"a1.png", "more/a2.png"}
    assert take(content) == (0, 3, {})


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_spreadsheets_write_it_in_several_ways(take, store, delimiter, encoding, end):
    rows = (("Photo", "NAME"), ("a1.png", "Zoë Šimić"), ("b.png", "李雷"))
    assert take("".join(delimiter.join(row) + end for row in rows).encode(encoding)) == (2, 0, {})
    assert names(store) == {"Zoë Šimić": 1, "李雷": 1}


def test_each_wrong_row_is_refused_with_its_reason(take, store):
    content = (
        "name,photo,labels,retain_until\n"
        "Alice,a1.png,,\n"
        "Alice,a1.png,,\n"  # again
        ",b.png,,\n"
        "Bob,,,\n"
        "Bob,gone.png,,\n"
        "Bob,../gallery.db,,\n"
        "Bob,/etc/passwd,,\n"
        "Carol,b.png,tall,\n"
        "Dave,b.png,bad key=1,\n"
        "Erin,b.png,,soon\n"
        "Frank,b.png,,,more\n"
        "Frank,b\0.png,,,,\n"
        "Gr\x1b[2Jace,b.png,,\n"
    )
    assert take(content) == (1, 0, {
        ": b.png": "no_person", "line 5": "no_photo", "Bob: gone.png": "unreadable",
        "Bob: ../gallery.db": "outside_folder", "Bob: /etc/passwd": "unreadable", "Carol: b.png": "invalid_labels",
        "Dave: b.png": "validation_error (labels)", "Erin: b.png": "validation_error (retain_until)",
        "Frank: b.png": "too_many_cells", "Frank: b\0.png": "unreadable",
        "Gr\x1b[2Jace: b.png": "validation_error (name)",
    })  # fmt: skip
    assert names(store) == {"Alice": 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The first line must name"),
        (b"name;photo;name\n", "The first line must name"),
        (b"name,photo,age\n", "The first line must name"),
        (b"PK\3\4\0\0\xff\xfe", "Line 1 of the file is not UTF-8"),
        ("name,photo\nAlice,a1.png\nZoë,b.png\n".encode("cp1252"), "Line 3 of the file is not UTF-8"),
        (b'name,photo\nAlice,"a1"x.png\n', "Line 2 of the file is not valid CSV"),
        (b"name,photo\n" + b"x" * 200_000 + b",b.png\n", "Line 2 of the file is not valid CSV"),
    ],
)
def test_another_file_is_refused_as_a_whole(take, content, said):
    with pytest.raises(UnreadableCsv, match=said):
        take(content)


def test_an_import_that_was_killed_resumes(register, sources, store, folder, tmp_path):
    file = folder / "people.csv"
    file.write_text("name,photo\nAlice,a1.png\nAlice,more/a2.png\nBob,b.png\n")
    kill_after(1, tmp_path, "csv", file, folder)
    enrolled, known, refused = register(sources.csv(file, folder))
    assert (enrolled + known, refused) == (3, {})
    assert known >= 1
    assert names(store) == {"Alice": 2, "Bob": 1}
