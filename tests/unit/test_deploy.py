"""What is handed out for deployments is valid by the schemas of those who read it, and speaks of what exists."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from livegift.config import Config
from livegift.edge.process import make_counters as of_edges
from livegift.flusher.process import make_counters as of_flushers
from livegift.secrets import IN_FILES
from livegift.supervisor.admin import HELPS
from livegift.telemetry import PREFIX

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
RULES: list[dict[str, Any]] = yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text())["groups"][0]["rules"]
BOARD: dict[str, Any] = json.loads((DEPLOY / "grafana/livegift.json").read_text())
OPERATING = (ROOT / "docs/operating.md").read_text()


def passes(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()


def known_metrics() -> set[str]:
    return {PREFIX + name for name in (*of_edges().values, *of_flushers().values, *HELPS)}


def metrics_in(expression: str) -> set[str]:
    """Return the metrics of ours in a PromQL expression, which must be one."""
    promql_parser.parse(expression.replace("$__rate_interval", "5m"))
    return set(re.findall(rf"\b{PREFIX}\w+", expression))


def test_the_dockerfile_has_no_known_weakness() -> None:
    passes(BIN / "hadolint", "Dockerfile")


def test_compose_is_what_its_schema_says() -> None:
    passes(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")


def test_kubernetes_would_take_every_manifest() -> None:
    manifests = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    assert manifests
    passes(BIN / "kubernetes-validate", "--strict", *manifests)


def test_systemd_reads_the_unit_and_what_it_starts_is_there(tmp_path: Path) -> None:
    text = (DEPLOY / "systemd/livegift.service").read_text()
    assert text.count("/opt/livegift/bin/livegift ") == 2
    unit = tmp_path / "livegift.service"
    # The user and the installation are the machine's to make.
    text = text.replace("/opt/livegift/bin/livegift", str(BIN / "livegift"))
    unit.write_text(text.replace("User=livegift\nGroup=livegift\n", ""))
    passes("systemd-analyze", "verify", "--man=no", unit)


def test_whatever_starts_a_server_names_settings_that_exist() -> None:
    known = {f"LIVEGIFT_{name.upper()}" for name in Config.__dataclass_fields__} | {f"{name}_FILE" for name in IN_FILES}
    for path in (ROOT / "Dockerfile", *DEPLOY.rglob("*.yaml"), *DEPLOY.rglob("*.service")):
        named = set(re.findall(r"\bLIVEGIFT_[A-Z_]+\b", path.read_text()))
        assert named <= known, path


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_metrics_that_are_told_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert metrics_in(rule["expr"]) <= known_metrics()
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"].keys() == {"summary", "description"}
    assert f"`{rule['alert']}`" in OPERATING
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}


def test_the_board_shows_metrics_that_are_told() -> None:
    panels = BOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    shown: set[str] = set()
    for panel in panels:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            shown |= metrics_in(target["expr"])
    assert shown <= known_metrics()
    assert len(shown) > 20


def test_every_metric_is_explained() -> None:
    for name in known_metrics():
        assert f"`{name}`" in OPERATING, name
