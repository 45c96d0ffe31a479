"""Names, labels, metadata and times that no later answer could carry, or that mislead whoever reads them."""

import io
import json
import re
import unicodedata
from base64 import b64encode
from urllib.parse import quote

import pytest

import schemas.fields
import schemas.text
import services.gallery.answers
import services.gallery.persons
from api.context import services_of
from schemas.persons import PersonRow
from tests.pictures import ALICE, photo
from tests.services.gallery.test_archive import rewrite

VALUES = "stored values: too deep, long, large or late for an answer, in every request and in imports"
NAMES = "stored values: names and labels with controls, directions and invisible letters"

# What a terminal obeys, what reorders a line, and what nobody sees; joiners between letters are letters' own.
UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffc\U000e0000-\U000e0fff]"
)
MARKS = (
    "\x1b[2J", "\x1b]0;t\x07", "\x9b31m", "\x00", "\n", "\r", "\x08", "\x7f", "\x85", "\u2028", "\u2029", "\u202e",
    "\u2066", "\u200f", "\u061c", "\u200b", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u115f", "\u3164", "\uffa0",
    "\ufe0f", "\U000e0041", "\ufffc", "\u180e",
)  # fmt: skip


def nested(levels, opens, closes):
    return json.loads('{"a":' + opens * levels + "1" + closes * levels + "}")


UNFIT = [
    *({"metadata": nested(levels, '{"a":', "}")} for levels in (32, 60, 253, 254, 255, 400)),
    *({"metadata": nested(levels, "[", "]")} for levels in (32, 60, 253, 254, 255, 400)),
    *({"metadata": {"a": value}} for value in ([1e308] * 99, [10**300] * 99, "x" * 20_000, "\ud800", "\0", 10**4000)),
    {"labels": {str(number): "x" for number in range(51)}},
    *({"name": one * 200} for one in ("\ufdfa", "\ufb03", "\u3300", "\u33af")),
    *({"retain_until": f"9999-12-31T23:59:59{offset}"} for offset in ("-14:00", "-00:01", "-23:59")),
    *({"retain_until": f"0001-01-01T00:00:00{offset}"} for offset in ("+14:00", "+00:01", "+23:59")),
]
UNSAFE = [{"name": f"A{mark}nn"} for mark in MARKS] + [{"labels": {"a": f"b{mark}c"}} for mark in MARKS]


class Gallery:
    """A gallery that is attacked in every way in which a value gets into it."""

    def __init__(self, app, folder):
        self.client, self.files, self.folder = app.test_client(), services_of(app).gallery.archive, folder
        self.victim = self._registered(name="\u9f98")  # the last of the list
        self.files.export(folder / "one.zip")
        self.ways = (self.by_json, self.by_form, self.by_raw_image, self.by_change, self.by_import)
        self.count = 1

    def _registered(self, **values):
        image = {"img": (io.BytesIO(photo(ALICE)), "a.png")}
        return self.client.post("/register", data=image | values).json["person_id"]

    def by_json(self, values):
        img = b64encode(photo(ALICE)).decode()
        body = {"img": img, "name": f"by JSON {self.count}"} | values
        return self.client.post("/register", json=body).status_code

    def by_form(self, values):
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
        form = {"img": (io.BytesIO(photo(ALICE)), "a.png"), "name": f"by form {self.count}"} | texts
        return self.client.post("/register", data=form).status_code

    def by_raw_image(self, values):
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
        query = "&".join(f"{name}={quote(text)}" for name, text in ({"name": f"raw {self.count}"} | texts).items())
        return self.client.post(f"/register?{query}", data=photo(ALICE), content_type="image/png").status_code

    def by_change(self, values):
        return self.client.patch(f"/persons/{self.victim}", json=values).status_code

    def by_import(self, values):
        path = self.folder / "other.zip"
        path.write_bytes((self.folder / "one.zip").read_bytes())
        number = f"00000000-0000-4000-8000-{self.count:012}"

        def change(members):
            person = json.loads(members["persons.jsonl"]) | {"id": number, "name": f"import {self.count}"} | values
            members["persons.jsonl"] = json.dumps(person).encode() + b"\n"
            face = json.loads(members["faces.jsonl"]) | {"id": number}
            members["faces.jsonl"] = json.dumps(face).encode() + b"\n"

        rewrite(path, change)
        try:
            self.files.load(path)
        except Exception as error:
            return 422 if type(error).__name__ == "UnreadableExport" else 500
        return 200

    def found(self, values, way):
        """What is wrong after the values were sent in this way."""
        self.count += 1
        status = way(values)
        if status >= 500:
            yield f"{way.__name__}: {status}"
        listed, cursor = [], ""
        while cursor is not None:
            answer = self.client.get("/persons", query_string={"limit": 1} | ({"cursor": cursor} if cursor else {}))
            if answer.status_code != 200:
                yield f"listing: {answer.status_code}"
                break
            listed += answer.json["persons"]
            cursor = answer.json["next_cursor"]
        for row in listed:
            if "problem" in row or UNSEEN.search("".join((row["name"], *row["labels"].values()))):
                yield f"listed: {row['name'][:20]!a}"
        self.files.export(self.folder / "all.zip")
        for row in listed:
            if row["id"] != self.victim and self.client.delete(f"/persons/{row['id']}").status_code != 200:
                yield "a person cannot be deleted"


def attacked(app, folder, several):
    gallery = Gallery(app, folder)
    tries = [(values, way) for values in several for way in gallery.ways if _fits(values, way, gallery)]
    found = []
    for values, way in tries:
        try:
            found += gallery.found(values, way)
        except Exception as error:  # of an export, or of a response that cannot be written
            found.append(f"{way.__name__}: {type(error).__name__}")
    return len(tries), found


def _fits(values, way, gallery):
    """No query string or form carries half a character."""
    return "\ud800" not in str(values) or way in (gallery.by_json, gallery.by_change)


def test_nothing_is_stored_that_cannot_be_answered(app, tmp_path, attack):
    attack(VALUES, *attacked(app, tmp_path, UNFIT))


def test_no_name_or_label_holds_what_nobody_sees(app, tmp_path, attack):
    attack(NAMES, *attacked(app, tmp_path, UNSAFE))


def test_metadata_of_any_depth_is_noticed(app, tmp_path, attack, monkeypatch):
    monkeypatch.setattr(schemas.fields, "_MAX_DEPTH", 10_000)
    for module in (services.gallery.persons, services.gallery.answers):
        monkeypatch.setattr(module, "person_row", lambda one: PersonRow.model_validate(one, from_attributes=True))
    deep = [one for one in UNFIT if "metadata" in one]
    attack(VALUES, *attacked(app, tmp_path, deep), twin=True, noticing=["listing: 500", "by_change: 500"])


def test_a_name_of_any_length_is_noticed(app, tmp_path, attack, monkeypatch):
    monkeypatch.setattr(schemas.text, "MAX_FOLDED", 10_000)
    long = [one for one in UNFIT if "name" in one]
    attack(VALUES, *attacked(app, tmp_path, long), twin=True, noticing=["listing: 422"])


def test_a_name_that_is_taken_as_it_comes_is_noticed(app, tmp_path, attack, monkeypatch):
    monkeypatch.setattr(schemas.text, "is_safe", lambda _: True)
    monkeypatch.setattr(schemas.text, "visible", str)
    some = [{"name": f"A{mark}nn"} for mark in ("\x1b[2J", "\u202e")]
    attack(NAMES, *attacked(app, tmp_path, some), twin=True, noticing=["listed: 'A\\x1b", "listed: 'A\\u202e"])


def test_the_marks_are_what_unicode_calls_controls_formats_and_fillers():
    kinds = {unicodedata.category(mark[0]) for mark in MARKS}
    assert kinds == {"Cc", "Cf", "Zl", "Zp", "Mn", "Lo", "So"}


@pytest.mark.parametrize("mark", MARKS)
def test_every_mark_is_one_that_the_check_notices(mark):
    assert UNSEEN.search(f"A{mark}nn")
