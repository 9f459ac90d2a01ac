"""What is undocumented is a red test: protocol, codes, settings, commands."""

import dataclasses
import re
from pathlib import Path

from livegift import telemetry
from livegift.config import Config
from livegift.conformance.script import SCENARIOS
from livegift.edge.process import make_counters as edge_counters
from livegift.flusher.backlog import LEVELS
from livegift.flusher.process import make_counters as flusher_counters
from livegift.supervisor.admin import HELPS
from livegift.wire.asyncapi import COMMANDS, PUSHES
from livegift.wire.codes import CLOSE, HTTP, REFUSALS, TEMPORARY
from livegift.wire.messages import AnyEvent

ROOT = Path(__file__).parent.parent.parent
PROTOCOL = (ROOT / "docs/protocol.md").read_text()


def test_the_protocol_page_names_every_message_and_its_fields() -> None:
    for struct in (*COMMANDS, *PUSHES, *AnyEvent.__args__):
        assert f"`{struct.__struct_config__.tag}`" in PROTOCOL, struct
        for field in struct.__struct_fields__:
            assert re.search(rf"\b{field}\b", PROTOCOL), f"{struct.__name__}.{field}"


def test_the_protocol_page_names_every_code_with_its_meaning() -> None:
    for code, text in (REFUSALS | TEMPORARY | HTTP).items():
        assert f"| `{code}` | {text} |" in PROTOCOL
    for number, text in CLOSE.items():
        assert f"| {number} | {text} |" in PROTOCOL


def test_the_configuration_page_names_every_setting_with_its_default() -> None:
    page = (ROOT / "docs/configuration.md").read_text()
    documented = dict(re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", page, flags=re.M))
    settings = {
        field.name: str(field.default if field.default is not dataclasses.MISSING else field.default_factory())  # type: ignore[misc]
        for field in dataclasses.fields(Config)
    }
    assert documented == settings


def test_the_operating_page_names_every_metric_with_its_meaning_and_every_alarm() -> None:
    page = (ROOT / "docs/operating.md").read_text()
    for role, names in (("flusher", flusher_counters().values), ("edge", edge_counters().values)):
        for name in names:
            assert f"| `livegift_{name}` | {role} | {telemetry.DECLARED[name].rstrip('.')} |" in page
    for name, text in HELPS.items():
        assert f"| `livegift_{name}` | all | {text} |" in page
    for level in LEVELS:
        assert f"| `{level.name}` | {'error' if level.is_error else 'warning'} |" in page


def test_the_docs_link_to_nothing_that_is_missing() -> None:
    clients = (ROOT / "clients").glob("*/README.md")
    for page in (ROOT / "README.md", *clients, *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_conformance_page_names_every_scenario_with_its_title() -> None:
    page = (ROOT / "docs/conformance.md").read_text()
    for name, scenario in SCENARIOS.items():
        assert f"| `{name}` | {scenario.__doc__} |" in page
    assert page.count("\n| `") >= len(SCENARIOS)


def test_the_readme_names_every_command() -> None:
    page = (ROOT / "README.md").read_text()
    for command in ("serve", "demo", "audit", "status", "token", "check", "conformance", "trigger"):
        assert f"livegift {command}" in page
