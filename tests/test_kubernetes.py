"""The files of deploy/kubernetes: their schema, and what they have to say for the replicas to work."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from core import __version__
from core.settings import load_settings
from tests.conftest import PROJECT

FOLDER = PROJECT / "deploy" / "kubernetes"
VERSION = "1.30"  # the oldest that has all of it; the newest is the default
TOOL = Path(sys.executable).parent / "kubernetes-validate"

FILES = sorted(FOLDER.glob("*.yaml"))
RESOURCES = [resource for file in FILES for resource in yaml.safe_load_all(file.read_text())]


def problems(file, *options):
    """What the tool says against the file. Of a kind that it does not know it only warns."""
    done = subprocess.run([TOOL, "--strict", *options, file], capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()
    return [line for line in said if done.returncode or not line.startswith("INFO ")]


def only(kind, name="face-service"):
    (found,) = (one for one in RESOURCES if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return found


def pod(kind, name="face-service"):
    return only(kind, name)["spec"]["template"]["spec"]


def container(kind, name):
    (found,) = (one for one in pod(*kind)["containers"] if one["name"] == name)
    return found


API = container(("Deployment",), "api")
MIGRATION = container(("Job", "face-service-migration"), "migration")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
@pytest.mark.parametrize("options", [(), ("-k", VERSION)], ids=["newest", "oldest"])
def test_each_file_is_what_kubernetes_expects(file, options):
    assert problems(file, *options) == []


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("deployment.yaml", "readinessProbe:", "readynessProbe:"),
        ("scaling.yaml", "minAvailable:", "minAvailible:"),
        ("network.yaml", "podSelector:", "podSelektor:"),
        ("migration.yaml", "backoffLimit: 3", "backoffLimit: three"),
        ("volumes.yaml", "accessModes:", "accessMode:"),
        ("settings.yaml", "kind: ConfigMap", "kind: ConfigMop"),
    ],
)
def test_a_twin_with_a_typo_fails(tmp_path, name, right, wrong):
    text = (FOLDER / name).read_text()
    assert right in text
    twin = tmp_path / name
    twin.write_text(text.replace(right, wrong, 1))
    assert problems(twin)


def test_a_compose_file_with_a_typo_fails(tmp_path):
    text = (PROJECT / "docker-compose.postgres.yml").read_text()
    assert "healthcheck:" in text
    twin = tmp_path / "docker-compose.postgres.yml"
    twin.write_text(text.replace("healthcheck:", "healthchek:", 1))
    command = [TOOL.parent / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", twin]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_each_kind_that_several_machines_need_is_there():
    kinds = {one["kind"] for one in RESOURCES}
    assert kinds == {
        *("ConfigMap", "Secret", "PersistentVolumeClaim", "Job", "Deployment", "Service"),
        *("HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"),
    }


def test_the_settings_are_those_of_the_service_and_let_replicas_never_migrate(monkeypatch):
    given = only("ConfigMap")["data"] | only("Secret")["stringData"]
    known = (PROJECT / "docs" / "reference" / "settings.md").read_text()
    for name, value in given.items():
        assert f"`{name}`" in known or name == "AUTO_MIGRATE"
        assert isinstance(value, str)
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.auto_migrate, settings.require_auth, settings.trusted_proxies) == (False, True, 1)
    assert settings.database_url.startswith("postgresql://")
    assert settings.rate_limit_storage.startswith("redis://")
    for one in (API, MIGRATION):
        assert {next(iter(source)) for source in one["envFrom"]} == {"configMapRef", "secretRef"}
    assert MIGRATION["command"] == ["face-service", "db", "upgrade"]


def test_each_path_of_the_settings_is_a_volume_that_all_replicas_share():
    data = only("ConfigMap")["data"]
    mounts = {one["mountPath"]: one for one in API["volumeMounts"]}
    volumes = {one["name"]: one for one in pod("Deployment")["volumes"]}
    for setting, is_read_only in (("DATA_PATH", False), ("DEEPFACE_HOME", True), ("FACES_DB_PATH", True)):
        mount = mounts[data[setting]]
        assert mount.get("readOnly", False) == is_read_only
        claim = volumes[mount["name"]]["persistentVolumeClaim"]["claimName"]
        assert only("PersistentVolumeClaim", claim)["spec"]["accessModes"] == ["ReadWriteMany"]


def test_the_three_probes_ask_what_answers_them():
    ports = {one["name"]: one["containerPort"] for one in API["ports"]}
    paths = {name: API[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {name: one["path"] for name, one in paths.items()} == {
        "startup": "/health",
        "liveness": "/health",
        "readiness": "/ready",
    }
    assert {ports[one["port"]] for one in paths.values()} == {5000}
    nginx = container(("Deployment",), "nginx")
    assert [one["containerPort"] for one in nginx["ports"]] == [8080]
    assert "listen 8080 " in (PROJECT / "deploy" / "nginx.conf").read_text()


def test_every_container_has_resources_and_no_rights():
    for kind in (("Deployment",), ("Job", "face-service-migration")):
        spec = pod(*kind)
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["automountServiceAccountToken"] is False
        for one in spec["containers"]:
            assert {"requests", "limits"} <= one["resources"].keys()
            rights = one["securityContext"]
            assert rights["readOnlyRootFilesystem"] is True
            assert rights["allowPrivilegeEscalation"] is False
            assert rights["capabilities"] == {"drop": ["ALL"]}
    user = re.search(r"^USER (\d+)$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)[1]
    assert API["securityContext"]["runAsUser"] == int(user)


def test_the_selectors_find_the_pods():
    labels = only("Deployment")["spec"]["template"]["metadata"]["labels"]
    for selector in (
        only("Deployment")["spec"]["selector"]["matchLabels"],
        only("Service")["spec"]["selector"],
        only("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        only("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    job = only("Job", "face-service-migration")["spec"]["template"]["metadata"]["labels"]
    assert only("NetworkPolicy")["spec"]["podSelector"]["matchLabels"].items() <= job.items()
    assert not only("Service")["spec"]["selector"].items() <= job.items()


def test_pods_reach_name_servers_postgresql_and_redis_alone():
    policy = only("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [{port["port"] for port in rule["ports"]} for rule in policy["egress"]] == [{53}, {5432}, {6379}]
    assert all(rule["to"] for rule in policy["egress"])
    assert [[port["port"] for port in rule["ports"]] for rule in policy["ingress"]] == [[8080]]


def test_the_autoscaler_follows_the_processor_and_owns_the_number_of_replicas():
    spec = only("HorizontalPodAutoscaler")["spec"]
    assert spec["scaleTargetRef"]["name"] == only("Deployment")["metadata"]["name"]
    (metric,) = spec["metrics"]
    assert (metric["containerResource"]["name"], metric["containerResource"]["container"]) == ("cpu", API["name"])
    assert spec["minReplicas"] > only("PodDisruptionBudget")["spec"]["minAvailable"]
    assert "replicas" not in only("Deployment")["spec"]


def test_the_images_are_those_of_the_version_and_of_compose():

    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
    assert API["image"] == MIGRATION["image"] == f"registry.example.com/face-service:{__version__}"
    assert container(("Deployment",), "nginx")["image"] == compose["nginx"]["image"].split("@")[0]
