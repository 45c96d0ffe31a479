"""Reads a CSV file of persons: names, photos, labels and how long to keep them."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from core.exceptions import CommandError
from core.images.decoding import ImagePolicy
from services.gallery.imports.entries import Entry
from services.gallery.imports.folders import read_photo

_REQUIRED = {"name", "photo"}
_COLUMNS = _REQUIRED | {"labels", "retain_until"}
_DELIMITERS = ",;\t"  # what spreadsheets write, depending on the language
_MAX_BYTES = 1 << 28
_END_OF_DAY = "T23:59:59Z"


class UnreadableCsv(CommandError):
    """The file cannot be read, or has not the columns of a CSV file of persons."""


def rows_of(file: Path, folder: Path, policy: ImagePolicy) -> Iterator[Entry]:
    """The rows of the file, each with a photo below `folder`. A photo twice for one person counts once.

    Raises:
        UnreadableCsv: nothing of it can be used.
        OSError: the file cannot be read.
    """
    text = _text(file)
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    # A line ends as csv says; str.splitlines knows more ends, which may be in a name.
    lines = io.StringIO(text, newline="")
    reader = csv.DictReader(lines, delimiter=delimiter, restkey="", restval="", strict=True)
    try:
        columns = [(name or "").strip().lower() for name in reader.fieldnames or ()]
        _check(columns)
        reader.fieldnames = columns
        seen: set[str] = set()
        for row in reader:
            entry = _entry(row, reader.line_num, folder, policy)
            if entry.source not in seen:
                seen.add(entry.source)
                yield entry
    except csv.Error:
        raise UnreadableCsv(f"Line {reader.reader.line_num} of the file is not valid CSV. Check its quotes.") from None


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        content = opened.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise UnreadableCsv(f"The file has more than {_MAX_BYTES} bytes. Split it.")
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UnreadableCsv(f"Line {line} of the file is not UTF-8. Save it as CSV UTF-8.") from None


def _check(columns: list[str]) -> None:
    missing, unknown = _REQUIRED - set(columns), set(columns) - _COLUMNS
    if missing or unknown or len(columns) > len(set(columns)):
        raise UnreadableCsv(
            "The first line must name each column once: name, photo and, if wanted, labels, retain_until."
        )


def _entry(row: Mapping[str, Any], line: int, folder: Path, policy: ImagePolicy) -> Entry:
    photo = row["photo"].strip()
    labels = _labels(row.get("labels", ""))
    return Entry(
        source=f"{row['name'].strip()}: {photo}" if photo else f"line {line}",
        name=row["name"].strip(),
        photo=photo,
        read=partial(read_photo, folder, policy, photo),
        labels=labels or None,
        retain_until=_moment(row.get("retain_until", "").strip()),
        problem=_problem(row, photo, labels),
    )


def _problem(row: Mapping[str, Any], photo: str, labels: dict[str, str] | None) -> str:
    if any(row.get("", ())):  # more cells than the first line
        return "too_many_cells"
    if labels is None:
        return "invalid_labels"
    return "" if photo else "no_photo"


def _labels(text: str) -> dict[str, str] | None:
    """The labels of a cell like `team=navy; floor=3`; None if it is another text."""
    pairs = [pair.partition("=") for pair in text.split(";") if pair.strip()]
    if not all(equals for _, equals, _ in pairs):
        return None
    return {key.strip(): value.strip() for key, _, value in pairs}


def _moment(text: str) -> str | None:
    """The time of a cell in ISO 8601, the end of the day for a date; None if it is empty."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return text + _END_OF_DAY
    return text or None
