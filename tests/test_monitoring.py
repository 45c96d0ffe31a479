"""The dashboard and the alert rules of deploy/ ask for what the service has."""

import json
import re
import shutil
import subprocess

import pytest
import yaml

from core.exceptions import ServiceError
from core.metrics.definitions import METRICS, REGISTRY
from core.metrics.exposition import Reading, exposition
from tests.conftest import PROJECT

DASHBOARD = PROJECT / "deploy" / "grafana-dashboard.json"
RULES = PROJECT / "deploy" / "prometheus-rules.yml"
TESTS = PROJECT / "tests" / "prometheus_rules.yml"

BY_NAME = {metric.name: metric for metric in METRICS}
OF_PROMETHEUS = {"up": {"job", "instance"}}
OF_THE_SCRAPE = {"job", "instance"}

needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")


def labels_of(name):
    """The labels of a series, or None if the service has no such series."""
    if name in OF_PROMETHEUS:
        return OF_PROMETHEUS[name]
    base = re.sub("_(bucket|sum|count)$", "", name)
    metric = BY_NAME.get(name) if name in BY_NAME else BY_NAME.get(base)
    if metric is None or (metric.kind == "histogram") == (metric.name == name):
        return None
    own = {"le"} if name.endswith("_bucket") else set()
    return OF_THE_SCRAPE | set(metric.labels) | own | ({"pid"} if metric.over_workers == "liveall" else set())


def problems(query):
    """What a query asks for that is not there: series, and labels of the series."""
    plain = re.sub(r'"[^"]*"', '""', query)
    asked = re.findall(r"\b((?:face|http_server|up)[a-z_]*)\b(?:\{([^}]*)\})?", plain)
    known = [(name, labels_of(name), selector) for name, selector in asked if name not in ("face_service",)]
    for name, labels, selector in known:
        if labels is None:
            yield f"no series {name}"
            continue
        yield from (f"{name} has no label {one}" for one in set(re.findall(r"(\w+)\s*(?:=|!)", selector)) - labels)
    grouped = {one.strip() for group in re.findall(r"\bby \(([^)]*)\)", plain) for one in group.split(",")}
    there = set.union(*(labels for _, labels, _ in known if labels)) if any(one[1] for one in known) else set()
    yield from (f"no label {one} to group by" for one in grouped - there)


def queries():
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for rule in rules():
        yield rule["alert"], rule["expr"]


def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def test_every_query_asks_for_series_and_labels_of_the_service():
    found = list(queries())
    assert len(found) > 30
    assert {title: list(problems(query)) for title, query in found if list(problems(query))} == {}


@pytest.mark.parametrize(
    "query",
    [
        "rate(face_stage_duration_seconds[5m])",
        "rate(face_faces_totals[5m])",
        'face_faces_total{person="x"}',
        "sum by (person) (face_faces_total)",
        "face_gallery_faces_count",
    ],
)
def test_a_query_for_something_else_is_noticed(query):
    assert list(problems(query))


def test_every_metric_is_on_the_dashboard():
    text = DASHBOARD.read_text()
    assert [name for name in BY_NAME if name not in text] == []


def test_every_error_code_of_a_rule_is_one():
    def codes(error):
        return {vars(error).get("code")}.union(*map(codes, error.__subclasses__()))

    known = codes(ServiceError)
    for rule in rules():
        for code in re.findall(r'error_(?:code|type)!?="([^"]*)"', rule["expr"]):
            assert code in known, rule["alert"]


def test_every_alert_says_what_to_do_and_is_tried_silent_and_firing():
    tried = [one for test in yaml.safe_load(TESTS.read_text())["tests"] for one in test["alert_rule_test"]]
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "action"}
        outcomes = [bool(one["exp_alerts"]) for one in tried if one["alertname"] == rule["alert"]]
        assert outcomes == [False, True], rule["alert"]


@needs_promtool
def test_the_rules_are_sound_and_fire_when_they_should():
    for arguments in (("check", "rules", str(RULES)), ("test", "rules", str(TESTS))):
        result = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


@needs_promtool
def test_a_rule_with_another_threshold_fails_its_test(tmp_path):
    (tmp_path / "deploy").mkdir()
    (tmp_path / "tests").mkdir()
    assert "> 0.05" in RULES.read_text()
    (tmp_path / "deploy" / RULES.name).write_text(RULES.read_text().replace("> 0.05", "> 0.5"))
    shutil.copy(TESTS, tmp_path / "tests")
    command = ["promtool", "test", "rules", str(tmp_path / "tests" / TESTS.name)]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


@needs_promtool
def test_the_exposition_is_as_prometheus_wants_it():
    for metric in REGISTRY._collector_to_names:
        if getattr(metric, "_labelnames", ()):
            metric.labels(*["x"] * len(metric._labelnames))
    read = [Reading(one.name, 1, ["x"] * len(one.labels)) for one in METRICS if one.over_workers == "read"]
    command = ["promtool", "check", "metrics"]
    result = subprocess.run(command, input=exposition(read), capture_output=True, check=False)
    assert (result.returncode, result.stdout + result.stderr) == (0, b"")
