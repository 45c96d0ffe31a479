"""Plays a scenario on a fresh application, and says what it answered."""

import io
import json
import re
import shlex
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from api.context import services_of
from api.factory import create_app
from core.settings import Settings
from tests.fakes import FakeEngine
from tests.recorded.asking import Ask, Body, Run, Scenario, Step
from tests.recorded.images import image
from tests.recorded.stable import Names, body, lines

SETTINGS = tuple(Settings.model_fields)

_PLACEHOLDER = re.compile(r"{(\w+)\.([\w.]+)}")
_FOLDERS = ("photos", "images")
_OF_THE_INDEX = "folder-index"  # begins the names of the threads that build an index
_PATIENCE_S = 30
_LONG_BODY = 200  # characters
_TOO_MANY = 429  # whose wait is counted down

# What nearly every answer has; of the others it is recorded that they lack it.
USUAL = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Content-Type": "application/json",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Request-Id": "<this request>",
    "X-Response-Time-Ms": "<milliseconds>",
}
_IGNORED = {"Content-Length", "Date"}

Recorded = dict[str, dict[str, Any]]


class TroubledEngine(FakeEngine):
    """The fake engine; its `trouble` is that it fails, or that it waits until the scenario is over."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(missing=scenario.missing)
        self.trouble = scenario.trouble
        self.over = threading.Event()

    def detect(self, image, detection):
        is_index = threading.current_thread().name.startswith(_OF_THE_INDEX)
        if self.trouble == "waits" or (self.trouble == "index waits" and is_index):
            assert self.over.wait(_PATIENCE_S)
        if self.trouble == "fails" or (self.trouble == "index fails" and is_index):
            raise RuntimeError("as the scenario wants it")
        return super().detect(image, detection)


def play(scenario: Scenario, folder: Path) -> Recorded:
    """What each step was answered, by its name; `folder` is empty."""
    with _application(scenario, folder) as app:
        player = _Player(app, folder)
        return {step.name: player.played(step) for step in scenario.steps}


@contextmanager
def _application(scenario: Scenario, folder: Path) -> Iterator[Flask]:
    """The scenario's application; its models have loaded, unless the engine waits."""
    for name in _FOLDERS:
        (folder / name).mkdir()
    for place, name in scenario.files.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(image(name))
    engine = TroubledEngine(scenario)
    app = create_app(_settings(scenario, folder), engine=engine)
    readiness = services_of(app).health.readiness
    if scenario.trouble != "waits":
        readiness.start()
        assert readiness.wait(_PATIENCE_S)
    try:
        yield app
    finally:
        engine.over.set()
        readiness.wait(_PATIENCE_S)


def _settings(scenario: Scenario, folder: Path) -> Settings:
    """The code's defaults with every folder below the scenario's own, and what the scenario changes."""
    usual = Settings(
        faces_db_path=str(folder / "photos"),
        images_path=str(folder / "images"),
        data_path=folder / "data",
        deepface_home=folder / "home",
        inference_lanes=1,  # photos are embedded in the order of their names
        log_level="ERROR",
        min_quality=0,  # drawn faces have no quality
    )
    changes = {
        name: value.replace("{folder.path}", str(folder)) if isinstance(value, str) else value
        for name, value in scenario.settings.items()
    }
    return usual.model_copy(update=changes)  # not validated: it may be what no operator could choose


class _NotAnswered(Exception):
    """A step needs what an earlier one was not answered."""


class _Player:
    """Sends steps one after the other, and remembers what was answered."""

    def __init__(self, app: Flask, folder: Path) -> None:
        self._app = app
        self._names = Names()
        self._names.learn(str(folder), "folder")
        self._answers: dict[str, Any] = {"folder": {"path": str(folder)}}
        self._bodies: dict[str, str] = {}

    def played(self, step: Step) -> dict[str, Any]:
        """What the step was answered; its events are sealed before the next."""
        try:
            recorded = self._asked(step) if isinstance(step, Ask) else self._run(step)
        except _NotAnswered as error:
            recorded = {"asked": step.said, "not answered before": str(error)}
        services_of(self._app).audit.log.flush(_PATIENCE_S)
        return recorded

    def _asked(self, step: Ask) -> dict[str, Any]:
        for _ in range(step.times):
            answer = self._sent(step)
        own = self._filled(step.headers).get("X-Request-Id")
        if (given := answer.headers.get("X-Request-Id")) != own:
            self._names.learn(given or "", f"request {step.name}")
        if answer.data and answer.is_json:
            self._answers[step.name] = answer.json
        # The body first: it names what the headers repeat.
        said = body(answer.data, answer.mimetype, self._names, step.name)
        headers = self._unusual(answer, step)
        shown = self._once(said, step.name)
        return {"asked": step.said, "status": answer.status_code, "headers": headers, "body": shown}

    def _once(self, said: Any, name: str) -> Any:
        """A body; of a long one that came before only the name of the first that had it."""
        text = json.dumps(said)
        first = self._bodies.setdefault(text, name)
        return said if first == name or len(text) < _LONG_BODY else f"<as {first}>"

    def _sent(self, step: Ask) -> TestResponse:
        return self._app.test_client().open(
            self._filled(step.path),
            method=step.method,
            query_string=self._filled(step.query),
            headers=self._filled(step.headers),
            **self._carried(step.body),
        )

    def _carried(self, content: Body) -> dict[str, Any]:
        kind = {} if content.kind is None else {"content_type": content.kind}
        if content.json is not None:
            text = json.dumps(self._filled(content.json))
            return {"data": text, "content_type": "application/json"} | kind
        if content.text is not None:
            return {"data": self._filled(content.text), "content_type": "application/json"} | kind
        if content.raw is not None:
            return {"data": image(content.raw), "content_type": "image/png"} | kind
        data: MultiDict[str, Any] = MultiDict(self._filled(content.form))
        for name, given in content.files.items():
            for one in [given] if isinstance(given, str) else given:
                data.add(name, (io.BytesIO(image(one)), "f"))
        return {"data": data} | kind if data else kind

    def _unusual(self, answer: TestResponse, step: Ask) -> dict[str, str | None]:
        """The headers that are not as usual, by name; None for those that are missing."""
        found = {}
        for name in sorted(set(answer.headers.keys()) - _IGNORED):
            value = self._names.of_text(", ".join(answer.headers.getlist(name)), f"{step.name}.{name}")
            found[name] = _stable(name, value, answer, step)
        missing = dict.fromkeys(name for name in USUAL if name not in found)
        return {name: value for name, value in (found | missing).items() if value is None or USUAL.get(name) != value}

    def _run(self, step: Run) -> dict[str, Any]:
        # The width is that of help; a developer's own database is not asked.
        environment = {"COLUMNS": "80", "FACE_EMBEDDINGS_URL": None}
        arguments = [self._filled(word) for word in shlex.split(step.line)]
        result = self._app.test_cli_runner().invoke(args=arguments, env=environment)
        printed = lines(result.stdout, self._names, f"{step.name}.stdout", step.hide)
        told = lines(result.stderr, self._names, f"{step.name}.stderr", step.hide)
        key = re.search(r"fsk_([0-9a-f]{12})_", result.stdout)
        self._answers[step.name] = {"last": (result.stdout.split() or [""])[-1], "key": key[1] if key else ""}
        raised = {} if isinstance(result.exception, SystemExit | None) else {"raised": repr(result.exception)}
        return {"asked": step.said, "exit": result.exit_code, "stdout": printed, "stderr": told, **raised}

    def _filled(self, value: Any) -> Any:
        """A value with pictures in place of their names, and earlier answers in place of placeholders."""
        match value:
            case str() if value.startswith("@"):
                name, _, form = value[1:].partition(":")
                text = b64encode(image(name)).decode()
                return f"data:image/png;base64,{text}" if form else text
            case str():
                return self._replaced(value)
            case dict():
                return {name: self._filled(one) for name, one in value.items()}
            case list() | tuple():
                return [self._filled(one) for one in value]
        return value

    def _replaced(self, text: str) -> Any:
        """A text with earlier answers in it; one that is nothing but a placeholder may be a list or number as well."""
        if whole := _PLACEHOLDER.fullmatch(text):
            return self._found(whole[1], whole[2])
        return _PLACEHOLDER.sub(lambda found: str(self._found(found[1], found[2])), text)

    def _found(self, step: str, path: str) -> Any:
        try:
            found = self._answers[step]
            for part in path.split("."):
                found = found[int(part)] if isinstance(found, list) else found[part]
        except (LookupError, TypeError):
            raise _NotAnswered(f"{step}.{path}") from None
        return found


def _stable(name: str, value: str, answer: TestResponse, step: Ask) -> str:
    """A header's value without what differs from run to run."""
    if value == f"<request {step.name}>":
        return "<this request>"
    if name == "X-Response-Time-Ms":
        return "<milliseconds>"
    if name == "Server-Timing":
        return re.sub(r"dur=[\d.]+", "dur=<milliseconds>", value)
    if value.isdigit() and (name == "RateLimit-Reset" or (name == "Retry-After" and answer.status_code == _TOO_MANY)):
        return "<seconds>"
    if name == "Allow" and step.method == "OPTIONS":  # Flask gives them in any order
        return ", ".join(sorted(value.split(", ")))
    return value
