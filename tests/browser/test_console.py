"""The console in a real browser, behind the shipped nginx.conf, on a service with and without keys."""

import ast
import contextlib
import importlib.util
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import requests

from core.scopes import Scope
from tests.conftest import KEY
from tests.demo_server import demo_server
from tests.models.labelled import SHARED
from tests.test_nginx import fronted

pytestmark = [
    pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed"),
    pytest.mark.skipif(importlib.util.find_spec("axe_playwright_python") is None, reason="no axe; make test-browser"),
]

PATIENCE_MS = 60_000
SIZES = [(1280, 800), (390, 844)]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
MANY = 50_000
MARKUP = "<img src=x onerror=alert(1)> & <b>Bold</b>"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(key, id=name, marks=pytest.mark.xdist_group(name)) for name, key in (("open", ""), ("keyed", KEY))
    ],
)
def service(request, tmp_path_factory):
    """The address of a service behind nginx, its API key if it has one, and the folder of its photos."""
    folder = tmp_path_factory.mktemp("server")
    settings = {"API_KEYS": request.param, "RATE_LIMIT": "1200/minute", "LOG_LEVEL": "WARNING"}
    weights = SHARED / "weights" if SHARED.is_dir() else None
    with (
        demo_server(folder, weights=weights, **settings) as upstream,
        fronted(tmp_path_factory.mktemp("nginx"), upstream.removeprefix("http://")) as url,
    ):
        yield Service(url, request.param, folder / "faces_db")


class Service:
    """A service with photos of two persons, and what a test does beside the browser."""

    def __init__(self, url, key, photos):
        self.url = url
        self.key = key
        self.photos = photos
        self.database = photos.parent / "data" / "gallery.db"

    def ask(self, method, path, **options):
        answer = requests.request(method, f"{self.url}{path}", headers={"X-API-Key": self.key}, timeout=60, **options)
        assert answer.ok, answer.text
        return answer.json()

    def photo(self, name):
        return str(self.photos / f"{name}.jpg")

    def register(self, name, photo="hopper/cropped", **options):
        with open(self.photo(photo), "rb") as file:
            fields = {"name": name, "store_crop": "true", "face_policy": "largest"} | options
            return self.ask("POST", "/register", data=fields, files={"img": file})

    def add_persons(self, count):
        """Write persons without faces into the database, which registering them would take an hour for."""
        texts = [f"Person {number:05}" for number in range(count)]
        rows = [(uuid4().hex, text, text.lower(), text.lower()) for text in texts]
        with closing(sqlite3.connect(self.database, timeout=30)) as database, database:
            database.executemany(
                "INSERT INTO persons (id, collection, name, folded, identity, labels, metadata, registered_at)"
                " VALUES (?, 'default', ?, ?, ?, '{}', '{}', '2026-11-30T00:00:00.000000+00:00')",
                rows,
            )

    def add_faces(self, face, count):
        """Write copies of a stored face, which registering them would take minutes for."""
        with closing(sqlite3.connect(self.database, timeout=30)) as database, database:
            for table, number in (("faces", "id"), ("embeddings", "face_id")):
                columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[1] != number]
                names = ", ".join(columns)
                for copy in range(count):
                    database.execute(
                        f"INSERT INTO {table} ({number}, {names}) SELECT ?, {names} FROM {table} WHERE {number} = ?",
                        (f"{copy:032x}", UUID(face).hex),
                    )

    def forget_added(self):
        with closing(sqlite3.connect(self.database, timeout=30)) as database, database:
            database.execute("DELETE FROM persons WHERE id NOT IN (SELECT person_id FROM faces)")

    def forget_everybody(self):
        for one in self.ask("GET", "/persons?limit=1000")["persons"]:
            self.ask("DELETE", f"/persons/{one['id']}")


@pytest.fixture
def open_console(browser, service):
    """Opens a screen; in the end, no page has reported, asked elsewhere, or asked too often."""
    problems = []
    with contextlib.ExitStack() as pages:

        def open_console(place="try/faces", *, key=service.key, size=SIZES[0], scheme="light", language="en-US"):
            width, height = size
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                locale=language,
                permissions=["camera"],
            )
            pages.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda message: problems.append(message.text))
            page.on("request", lambda one: None if is_own(one.url, service.url) else problems.append(one.url))
            page.on("response", lambda one: problems.append(one.url) if one.status == 429 else None)
            page.goto(f"{service.url}/console#/{place}")
            if key:
                page.get_by_label("API key").fill(key)
                page.get_by_role("button", name="Use this key").click()
            page.locator("nav").first.wait_for()
            return page

        yield open_console
    assert problems == []


def is_own(url, own):
    return url.startswith((f"{own}/", "data:", f"blob:{own}/"))


def give(page, *photos, label="Choose a photo", place=0):
    page.get_by_label(label, exact=True).and_(page.locator("input")).nth(place).set_input_files(list(photos))


def test_the_faces_of_a_photo_are_shown_with_the_request(open_console, service):
    page = open_console("try/faces")
    give(page, service.photo("hopper/tilted"))
    page.get_by_role("heading", name="1 face").wait_for()
    assert page.locator(".photo rect:not(.edge)").count() == 1
    assert page.locator(".photo circle").count() >= 2
    assert "Quality" in page.locator("ol.faces").inner_text()
    page.get_by_text("Request and answer").click()
    shown = page.locator(".wire").inner_text()
    assert f"'{service.url}/" in shown
    assert "img=@tilted.jpg" in shown
    assert service.key == "" or service.key not in shown


def test_the_attributes_of_a_face_are_shown(open_console, service):
    page = open_console("try/faces")
    give(page, service.photo("hopper/tilted"))
    for name in ("Gender", "Emotion", "Ethnicity"):
        page.locator("ol.faces").get_by_role("heading", name=name).wait_for()
    assert page.locator("ol.faces .age").inner_text().startswith("About ")


@pytest.mark.parametrize(
    ("program", "read"), [("curl", json.loads), ("Python", ast.literal_eval)], ids=["curl", "Python"]
)
def test_the_copied_request_can_be_sent(open_console, service, tmp_path, program, read):
    shutil.copyfile(service.photo("hopper/tilted"), tmp_path / "a;b, 'c'.jpg")
    page = open_console("try/faces")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    give(page, str(tmp_path / "a;b, 'c'.jpg"))
    page.get_by_role("heading", name="1 face").wait_for()
    page.get_by_text("Request and answer").click()
    page.locator("figure.code", has_text=program).get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    command = ["sh", "-c", copied] if program == "curl" else [sys.executable, "-c", copied]
    environment = {"PATH": os.environ["PATH"], "KEY": service.key}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert read(done.stdout)["success"] is True


@pytest.mark.skipif(not SHARED.is_dir(), reason="no folder ../shared with the liveness models")
@pytest.mark.parametrize(("photo", "said", "boxes"), [("live", "Live", 0), ("spoof", "Not live", 1)])
def test_liveness_is_drawn(open_console, photo, said, boxes):
    page = open_console("try/faces")
    page.get_by_role("switch", name="Check liveness, too").check()
    give(page, str(SHARED / f"faces/liveness/{photo}.jpg"))
    face = page.locator("ol.faces > li").first
    face.get_by_text(said, exact=True).wait_for()
    assert page.locator(".photo .bad").count() == boxes
    assert face.get_by_role("meter", name="Liveness").count() == 1


def test_two_photos_are_compared_on_a_scale(open_console, service):
    page = open_console("try/verify")
    for place, name in enumerate(("hopper/cropped", "hopper/tilted")):
        give(page, service.photo(name), label=f"Photo {place + 1}")
    page.get_by_text("Same person", exact=True).wait_for()
    assert page.get_by_role("img", name="Distance 0").count() == 1
    give(page, service.photo("astronaut/cropped"), label="Photo 2")
    page.get_by_text("Not the same person", exact=True).wait_for()


# Lets a page believe that a person dropped or pasted a photo.
GIVEN = """([way, content]) => {
  const given = new DataTransfer();
  const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
  given.items.add(new File([bytes], "photo.jpg", { type: "image/jpeg" }));
  if (way === "paste") document.dispatchEvent(new ClipboardEvent(way, { clipboardData: given }));
  else document.querySelector(".drop").dispatchEvent(new DragEvent(way, { dataTransfer: given, bubbles: true }));
}"""


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_photo_may_be_dropped_or_pasted(open_console, service, way):
    page = open_console("try/faces")
    content = Path(service.photo("hopper/tilted")).read_bytes()
    page.evaluate(GIVEN, [way, b64encode(content).decode()])
    page.get_by_role("heading", name="1 face").wait_for()
    assert page.locator(".photo rect:not(.edge)").count() == 1


def test_the_webcam_gives_a_photo(open_console):
    page = open_console("try/faces")
    page.get_by_role("button", name="Webcam").click()
    page.get_by_role("button", name="Take the photo").click()
    page.get_by_role("heading", name="faces").or_(page.get_by_role("heading", name="1 face")).wait_for()
    assert page.locator(".photo img").evaluate("one => one.naturalWidth") > 0


def test_without_a_secure_page_the_webcam_says_why_it_is_off(browser, service):
    page = browser.new_page()
    page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
    page.goto(f"{service.url}/console")
    if service.key:
        page.get_by_label("API key").fill(service.key)
        page.get_by_role("button", name="Use this key").click()
    page.get_by_text("only over HTTPS or on localhost").wait_for()
    assert page.get_by_role("button", name="Webcam").is_disabled()
    page.close()


def test_a_person_is_registered_with_several_photos_and_identified(open_console, service):
    service.forget_everybody()
    page = open_console("people/new")
    page.get_by_label("Name", exact=True).fill("Grace Hopper")
    give(page, service.photo("hopper/cropped"), service.photo("hopper/smaller"), label="Choose photos")
    page.get_by_text("Quality 0").nth(1).wait_for()
    page.get_by_role("button", name="Register 2 photos").click()
    page.get_by_text("Grace Hopper is registered.").wait_for()
    page.goto(f"{service.url}/console#/try/identify")
    give(page, service.photo("hopper/tilted"))
    page.get_by_text("One person matches").wait_for()
    assert page.locator("ol.hits a").inner_text() == "Grace Hopper"
    page.locator("ol.hits img").wait_for()


def test_a_person_is_changed_merged_and_forgotten(open_console, service):
    service.forget_everybody()
    grace = service.register("Grace", "hopper/cropped")
    service.register("G. Hopper", "hopper/smaller")
    page = open_console("people")
    page.get_by_label("Name contains").fill("grace")
    page.get_by_role("link", name="Grace").click()
    page.locator(".face-cards img").wait_for()
    page.get_by_role("button", name="Set aside").click()
    page.locator(".aside").wait_for()
    assert service.ask("GET", f"/faces/{grace['id']}")["set_aside"] is True
    page.get_by_role("button", name="Compare again").click()
    page.get_by_role("button", name="Set aside").wait_for()
    page.get_by_role("button", name="Change", exact=True).click()
    page.get_by_label("Name", exact=True).fill("Grace Hopper")
    page.get_by_label("Labels").fill("team=navy")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Grace Hopper").wait_for()
    page.get_by_text("team: navy").wait_for()
    page.get_by_role("button", name="Merge", exact=True).click()
    page.get_by_role("button", name="G. Hopper").click()
    page.locator(".side-by-side img").nth(1).wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Merge").click()
    page.get_by_role("heading", name="2 faces").wait_for()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("heading", name="Deleted").wait_for()
    assert "No file contains the deleted data" in page.locator("main").inner_text()
    assert service.ask("GET", "/persons")["persons"] == []


def test_a_face_is_moved_to_another_person(open_console, service):
    service.forget_everybody()
    grace = service.register("Grace")
    eileen = service.register("Eileen", "astronaut/cropped")
    page = open_console(f"people/{grace['person_id']}")
    page.get_by_role("button", name="Move").click()
    page.get_by_role("dialog").get_by_role("button", name="Eileen").click()
    page.get_by_role("heading", name="0 faces").wait_for()
    assert service.ask("GET", f"/faces/{grace['id']}")["person_id"] == eileen["person_id"]


def test_all_faces_of_a_person_can_be_seen(open_console, service):
    service.forget_everybody()
    grace = service.register("Grace")
    service.add_faces(grace["id"], 120)
    page = open_console(f"people/{grace['person_id']}")
    page.get_by_role("heading", name="121 faces").wait_for()
    assert page.locator(".face-cards > li").count() == 100
    page.get_by_role("button", name="More faces").click()
    page.locator(".face-cards > li").nth(120).get_by_role("img").wait_for()
    page.locator(".face-cards > li").nth(120).get_by_role("button", name="Delete the face").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("heading", name="120 faces").wait_for()
    assert page.locator(".face-cards > li").count() == 120
    assert page.get_by_role("button", name="More faces").count() == 0


def test_people_are_found_by_label(open_console, service):
    service.forget_everybody()
    for name, team in (("Grace", "navy"), ("Eileen", "space")):
        service.register(name, labels=json.dumps({"team": team}), collection="staff")
    page = open_console("people")
    page.get_by_role("link", name="Grace").wait_for()
    page.get_by_label("Labels").fill("team=space")
    page.get_by_text("1 person", exact=True).wait_for()
    assert page.locator("ul.cards .name").all_inner_texts() == ["Eileen"]


def test_a_collection_is_made_and_deleted(open_console, service):
    service.forget_everybody()
    page = open_console("people/collections")
    page.get_by_label("New collection").fill("visitors")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("rowheader", name="visitors").wait_for()
    service.register("Grace", collection="visitors")
    page.get_by_role("button", name="Delete visitors").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("rowheader", name="visitors").wait_for(state="detached")
    assert service.ask("GET", "/persons")["persons"] == []


def test_a_page_scrolls_through_fifty_thousand_persons(open_console, service):
    service.forget_everybody()
    service.register("Grace")
    service.add_persons(MANY)
    started = time.monotonic()
    page = open_console("people", key=service.key)
    shown = page.locator(".count")
    while f"{MANY + 1:,} people" != shown.inner_text():
        assert page.locator("ul.cards li").count() < 200
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.wait_for_timeout(100)
        assert time.monotonic() - started < PATIENCE_MS / 1000
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.get_by_text(f"Person {MANY - 1:05}").wait_for()
    print(f"{MANY} persons in {time.monotonic() - started:.1f} s")
    page.evaluate("scrollTo(0, 0)")
    page.get_by_role("link", name="Grace").wait_for()
    service.forget_added()


def test_names_with_markup_stay_text(open_console, service):
    service.forget_everybody()
    person = service.register(MARKUP, labels='{"note": "<i>x</i>"}')
    for place in ("people", f"people/{person['person_id']}"):
        page = open_console(place)
        page.get_by_text(MARKUP).first.wait_for()
        assert page.locator("main b, main i, img[src=x]").count() == 0


def test_a_search_of_the_folder_opens_the_photo(open_console, service):
    page = open_console("folder")
    give(page, service.photo("hopper/tilted"))
    page.get_by_text("faces in the folder").wait_for()
    page.locator("section .photo img").nth(1).wait_for()
    page.get_by_role("link", name="Open the photo").wait_for()
    assert page.locator("ol.rows li").count() >= 3
    page.reload()
    if service.key:  # the key stays in the tab
        page.get_by_role("heading", name="Indexes").wait_for()
    page.locator("article.index").first.wait_for()
    assert "Dlib" in page.locator("article.index").first.inner_text()


def test_the_folder_says_how_far_it_is_and_what_failed(open_console, service):
    many = service.photos / "many"
    many.mkdir()
    for number in range(200):
        shutil.copyfile(service.photo("hopper/cropped"), many / f"{number}.jpg")
    (service.photos / "no_photo.jpg").write_bytes(b"no image")
    with open(service.photo("hopper/tilted"), "rb") as file, ThreadPoolExecutor(1) as thread:
        # Options that no search had yet need an index of their own. The search may end before it is built.
        options = {"data": {"normalization": "Facenet", "threshold": "0.08"}, "files": {"img": file}}
        thread.submit(service.ask, "POST", "/find", **options)
        page = open_console("folder")
        index = page.locator("article.index", has=page.get_by_role("progressbar", name="Being built"))
        index.get_by_text(" left.").wait_for()
    index = page.locator("article.index", has=page.locator("summary")).first
    index.get_by_text("Ready", exact=True).wait_for()
    index.locator("summary").click()
    assert index.locator("ul.names").inner_text() == "no_photo.jpg"
    shutil.rmtree(many)
    (service.photos / "no_photo.jpg").unlink()


def test_the_service_is_shown_with_its_models_and_limits(open_console):
    page = open_console("service")
    page.get_by_role("heading", name="Readiness").wait_for()
    page.get_by_text("1200/minute").wait_for()
    page.get_by_role("link", name="Models").click()
    page.get_by_role("rowheader", name="Dlib").first.wait_for()
    page.get_by_role("link", name="About").click()
    page.get_by_role("link", name="MIT", exact=True).wait_for()


def test_keys_are_made_and_revoked_where_there_are_any(open_console, service):
    page = open_console("service/keys")
    if not service.key:
        page.get_by_text("face-service keys create").wait_for()
        assert page.get_by_role("button", name="Create the key").count() == 0
        return
    page.get_by_label("Name", exact=True).fill("kiosk")
    page.get_by_role("checkbox", name="faces Verify").check()
    page.get_by_role("button", name="Create the key").click()
    made = page.locator(".note.good code").inner_text()
    assert made.startswith("fsk_")
    page.get_by_role("button", name="Revoke kiosk").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    page.get_by_text("Revoked").first.wait_for()


def test_the_audit_trail_is_verified_and_listed(open_console, service):
    service.register("Grace", "hopper/cropped")
    time.sleep(2)  # sealed a second later
    page = open_console("service/audit")
    page.get_by_role("button", name="Verify").click()
    page.get_by_text("as it was sealed").wait_for()
    page.get_by_role("cell", name="register", exact=True).first.wait_for()


def test_what_a_key_may_not_do_is_not_shown(open_console, service):
    if not service.key:
        pytest.skip("a service without keys allows everything")
    made = {scope: service.ask("POST", "/keys", json={"name": scope, "scopes": [scope]})["key"] for scope in Scope}
    seen = {}
    for scope, key in made.items():
        page = open_console("", key=key)
        page.get_by_role("navigation", name="Screens").wait_for()
        screens = page.get_by_role("navigation", name="Screens").get_by_role("link").all_inner_texts()
        seen[scope] = (screens, page.locator(".tabs a").all_inner_texts())
    assert seen[Scope.FACES] == (["Try it", "Service"], ["Faces", "Verify"])
    assert seen[Scope.FIND] == (["Try it", "Photo folder", "Service"], ["Find photos"])
    assert seen[Scope.GALLERY_READ] == (["Try it", "People", "Service"], ["Identify"])
    assert seen[Scope.ADMIN] == (["Service"], ["State", "API keys", "Audit trail", "About"])
    assert seen[Scope.GALLERY_WRITE] == seen[Scope.METRICS] == (["Service"], ["State", "About"])


def test_the_key_ends_with_the_tab(open_console, service):
    if not service.key:
        pytest.skip("a service without keys needs none")
    page = open_console("service")
    kept = "() => [Object.values(localStorage), document.cookie, Object.values(sessionStorage)]"
    assert page.evaluate(kept) == [[], "", [service.key]]
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="This service needs an API key").wait_for()
    assert page.evaluate(kept)[2] == []


def test_the_console_speaks_german(open_console):
    page = open_console("try/faces")
    page.get_by_label("Language").select_option("de")
    page.get_by_role("heading", name="Ausprobieren").wait_for()
    assert page.evaluate("document.documentElement.lang") == "de"


PLACES = [
    "try/faces", "try/verify", "try/identify", "try/find", "people", "people/new", "people/collections", "folder",
    "service/state", "service/models", "service/keys", "service/audit", "service/about",
]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=["wide", "phone"])
def test_every_screen_is_accessible(open_console, service, size, scheme):
    from axe_playwright_python.sync_playwright import Axe

    service.forget_everybody()
    person = service.register("Grace", labels='{"team": "navy"}')
    page = open_console(PLACES[0], size=size, scheme=scheme)
    found = {}
    for place in [*PLACES, f"people/{person['person_id']}"]:
        page.goto(f"{service.url}/console#/{place}")
        page.wait_for_load_state("networkidle")
        result = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
        found[place] = [f"{one['id']}: {one['nodes'][0]['html']}" for one in result.response["violations"]]
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{place} is {overflow} pixels too wide"
    assert {place: wrong for place, wrong in found.items() if wrong} == {}


def test_a_keyboard_is_enough(open_console, service):
    page = open_console("try/faces")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.get_by_role("button", name="Webcam").focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert page.evaluate("document.activeElement.textContent").strip() == "Webcam"
