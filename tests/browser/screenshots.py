"""`python -m tests.browser.screenshots` writes the pictures of the console for the documents."""

import contextlib
import shutil
import tempfile
from io import BytesIO
from pathlib import Path

import requests
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import ARGUMENTS
from tests.conftest import PROJECT
from tests.demo_server import demo_server

IMAGES = PROJECT / "docs" / "images"
SIZE = {"width": 1120, "height": 760}
PEOPLE = {
    "Grace Hopper": ("hopper/cropped", "hopper/smaller"),
    "Eileen Collins": ("astronaut/cropped",),
}


def main() -> None:
    """Write the pictures."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(demo_server(folder, API_KEYS=""))
        register(url, folder / "faces_db")
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        stack.callback(browser.close)
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport=SIZE, color_scheme=scheme, locale="en-US")
            try_faces(page, url, folder / "faces_db")
            picture = Image.open(BytesIO(page.screenshot()))
            picture.convert("RGB").quantize(256).save(
                IMAGES / f"console-{scheme}.png", optimize=True
            )  # a third of the bytes
            page.close()


def register(url: str, photos: Path) -> None:
    """Give the gallery the two persons of the sample photos."""
    for name, files in PEOPLE.items():
        for file in files:
            fields = {"name": name, "store_crop": "true", "face_policy": "largest"}
            with (photos / f"{file}.jpg").open("rb") as photo:
                requests.post(f"{url}/register", data=fields, files={"img": photo}, timeout=60).raise_for_status()


def try_faces(page: Page, url: str, photos: Path) -> None:
    """Show who is in a photo."""
    page.goto(f"{url}/console#/try/identify")
    page.locator("input[type=file]").set_input_files(photos / "hopper" / "tilted.jpg")
    page.locator("ol.hits img").nth(1).wait_for()


if __name__ == "__main__":
    main()
