"""The Helm chart: its values are settings that exist, and what it renders is what Kubernetes accepts."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from privateshare.platform.operating.settings import Settings
from privateshare.version import VERSION
from tests.patience import GIVE_UP_SECONDS

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "privateshare"
TOOLS = ROOT / "build" / "helm"
VARIANTS = (
    (),
    (
        *("--set", "worker.autoscaling.enabled=true,ingress.enabled=true,ingress.className=nginx"),
        *("--set", "ingress.tlsSecretName=t,storeSecretName=s,serviceAccount.create=false"),
        *("--set", "api.autoscaling.enabled=false,settings.origin=https://example.org/share,nodeSelector.a=b"),
    ),
)
KINDS = {"Deployment", "PodDisruptionBudget", "HorizontalPodAutoscaler", "Job", "Service"}


def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    return found


def test_its_settings_exist_and_are_not_secret() -> None:
    """And the chart is that of this version."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart["version"] == chart["appVersion"] == VERSION
    assert set(values()["settings"]) <= set(Settings.model_fields)
    schema = yaml.safe_load((CHART / "values.schema.json").read_text("utf-8"))
    refused = {rule["required"][0] for rule in schema["properties"]["settings"]["not"]["anyOf"]}
    secret = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert refused == secret


def tool(*words: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        list(map(str, words)), capture_output=True, text=True, check=False, timeout=GIVE_UP_SECONDS, cwd=ROOT
    )


@pytest.mark.slow
def test_what_it_renders_is_valid() -> None:
    """By helm's own linter, and by the schemas of Kubernetes."""
    prepared = tool(ROOT / "scripts" / "setup", "helm", TOOLS)
    assert prepared.returncode == 0, prepared.stderr
    linted = tool(TOOLS / "helm", "lint", "--strict", CHART)
    assert linted.returncode == 0, linted.stdout
    for options in VARIANTS:
        rendered = tool(TOOLS / "helm", "template", "share", CHART, "--kube-version", "1.31.0", *options)
        assert rendered.returncode == 0, rendered.stderr
        objects = [found for found in yaml.safe_load_all(rendered.stdout) if found]
        assert {found["kind"] for found in objects} >= KINDS
        for found in objects:
            file = TOOLS / "object.yaml"
            file.write_text(yaml.safe_dump(found), "utf-8")
            checked = tool(TOOLS / "bin" / "kubernetes-validate", "--strict", "--kubernetes-version", "1.31", file)
            assert checked.returncode == 0, f"{found['kind']}: {checked.stdout}{checked.stderr}"
        check_pods(objects)
    secret = tool(TOOLS / "helm", "template", "share", CHART, "--set", "settings.database_url=postgresql://x")
    assert secret.returncode != 0


def check_pods(objects: list[dict[str, Any]]) -> None:
    """Check what every pod must have: no privilege, secrets as files only, and the right work."""
    work = {}
    for found in objects:
        if found["kind"] not in ("Deployment", "Job"):
            continue
        pod = found["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        work[found["metadata"]["name"].rpartition("-")[2]] = container["args"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert not [one for one in container["env"] if "valueFrom" in one]
        assert (found["kind"] == "Job") != ("readinessProbe" in container)
    assert work["api"][-2:] == ["--workers", "0"]
    assert work["worker"][-2:] == ["--workers", "4"]
    assert work["migration"] == ["migrate"]
