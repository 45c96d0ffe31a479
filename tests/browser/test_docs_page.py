"""The page /docs in a real browser: every example it fills in is answered on the photos of `make demo`."""

import json

import pytest
import requests

from tests.conftest import KEY
from tests.demo_server import calls, demo_server, names

PREFIX = "/face-api"
TAGS = ["Faces", "Photo folder", "Gallery", "Audit", "Access", "Service"]
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with demo_server(tmp_path_factory.mktemp("server"), SCRIPT_NAME=PREFIX) as url:
        yield f"{url}{PREFIX}"


@pytest.fixture
def page(browser, server):
    """The page with all its operations; in the end, that it loaded nothing from elsewhere and reported no error."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: None if is_own(request.url, server) else problems.append(request.url))
    page.goto(f"{server}/docs")
    page.locator(".opblock").first.wait_for()
    yield page
    page.close()
    assert problems == []


def is_own(url, server):
    return url.startswith((server, "data:", f"blob:{server.removesuffix(PREFIX)}/"))


def authorize(page):
    page.locator(".auth-wrapper .authorize").first.click()
    page.locator("#auth-bearer-value").fill(KEY)
    page.locator(".auth-btn-wrapper .authorize").first.click()
    page.locator(".auth-btn-wrapper .btn-done").first.click()


def operation(page, name):
    """The opened part of the page about an operation."""
    block = page.locator(f".opblock[id$='-{name}']")
    if "is-open" not in block.get_attribute("class"):
        block.locator(".opblock-summary-control").click()
    return block


def execute(page, name, instead):
    """Execute the filled-in example of an operation, with a few fields changed; returns the status."""
    block = operation(page, name)
    if instead:
        body = block.locator("textarea.body-param__text")
        filled = json.loads(body.input_value())
        body.fill(json.dumps(filled | instead))
    with page.expect_response(lambda response: response.request.resource_type == "fetch") as answered:
        block.locator("button.execute").click()
    block.locator(".live-responses-table .response-col_status").first.wait_for()
    block.locator(".opblock-summary-control").click()
    return answered.value.status


def test_every_example_is_answered(page, server):
    document = requests.get(f"{server}/openapi.json", timeout=10).json()
    authorize(page)
    statuses = [(call["operation"], execute(page, call["operation"], call["instead"])) for call in calls(document)]
    assert {name for name, _ in statuses} == names(document)
    assert {name: status for name, status in statuses if status not in (200, 201, 204)} == {}


def test_the_page_is_grouped_by_tag_and_leaves_itself_out(page, server):
    assert page.locator(".opblock-tag-section h3 a span").all_text_contents() == TAGS
    shown = page.locator(".opblock-summary-path").evaluate_all("all => all.map(one => one.dataset.path)")
    document = requests.get(f"{server}/openapi.json", timeout=10).json()
    assert set(shown) == set(document["paths"])
    assert not [path for path in shown if "docs" in path or "openapi" in path]


def test_an_error_is_shown_once_per_operation(page):
    block = operation(page, "verify")
    block.locator(".responses-table").wait_for()
    assert block.locator(".responses-table tbody .response-col_status").all_inner_texts() == ["200", "default"]
    assert "Error with status 400" in block.inner_text()
