"""The files for Prometheus and Grafana name only metrics that exist, and each alert says what to do."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from privateshare.platform.operating.admission import create_admission
from privateshare.platform.operating.metrics import DatabaseState, Metrics

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "privateshare.json"
RUNBOOK = ROOT / "docs" / "operating.md"
TOOLS = ROOT / "build" / "promtool"
METRIC = re.compile(r"\bprivateshare_[a-z_]+\b")
SUFFIXES = ("_bucket", "_count", "_sum")


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def metrics() -> set[str]:
    """Return the names of all metrics that a process exposes."""
    state = DatabaseState([("task", "todo", 1)], 0, 0, False, 0)
    exposed = Metrics(create_admission(20)).expose(state).decode()
    names = re.findall(r"^# TYPE (\S+)", exposed, re.MULTILINE)
    return {name for name in names if not name.endswith("_created")}


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return [rule["expr"] for rule in rules()] + [target["expr"] for panel in panels for target in panel["targets"]]


def test_each_metric_that_is_named_exists() -> None:
    """And both files together use every metric."""
    used = {name for expression in expressions() for name in METRIC.findall(expression)}
    plain = {next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), name) for name in used}
    assert plain <= metrics()
    assert metrics() - plain == set()


def test_each_alert_says_what_to_do() -> None:
    """Its link leads to a section of the document, and each section is of an alert."""
    sections = re.findall(r"^### (PrivateShare\w+)$", RUNBOOK.read_text("utf-8"), re.MULTILINE)
    assert sections == [rule["alert"] for rule in rules()]
    for rule in rules():
        assert rule["annotations"]["runbook_url"].endswith(f"operating.html#{rule['alert'].lower()}")
        assert rule["labels"]["severity"] in ("critical", "warning")


@pytest.mark.slow
def test_promtool_accepts_the_alerts() -> None:
    """The rules are valid, a sound platform raises none, and each fault raises its alert."""
    prepared = subprocess.run(
        [ROOT / "scripts" / "setup", "proxies", TOOLS, "prometheus"], capture_output=True, text=True, check=False
    )
    assert prepared.returncode == 0, prepared.stderr
    promtool = shutil.which("promtool") or str(TOOLS / "usr" / "bin" / "promtool")
    for words in (("check", "rules", ALERTS), ("test", "rules", ALERTS.with_name("alerts.test.yaml"))):
        done = subprocess.run([promtool, *map(str, words)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
