"""The command line: where settings come from, what is refused, and with which exit code."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from livegift import cli
from livegift.check import faults
from livegift.config import Config
from livegift.errors import CannotRun

COMMANDS = ["serve", "demo", "flusher", "edge", "audit", "status", "token", "check", "conformance", "trigger"]


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    """A command says how its process logs; the next test's process is the same."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.basicConfig(handlers=[], force=True)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Config, bool]]:
    """What would have been served: settings, and whether with bots."""
    calls: list[tuple[Config, bool]] = []

    async def run_server(config: Config, *, bots: bool = False, on_ready: Any = None) -> int:
        calls.append((config, bots))
        return 0

    monkeypatch.setattr(cli.serving, "run_server", run_server)
    return calls


def test_flags_win_over_variables_and_those_over_the_file(
    here: Path, monkeypatch: pytest.MonkeyPatch, served: list[tuple[Config, bool]]
) -> None:
    (here / "livegift.toml").write_text('port = 1\nworkers = 2\nredis_prefix = "x:"\nadmin-port = 9\n')
    monkeypatch.setenv("LIVEGIFT_WORKERS", "3")
    monkeypatch.setenv("LIVEGIFT_REDIS_PREFIX", "y:")
    assert cli.main(["serve", "--redis-prefix", "z:", "--demo"]) == 0
    assert served == [(Config(port=1, workers=3, redis_prefix="z:", admin_port=9, demo=True), False)]


def test_the_demo_has_its_own_books_and_bots(served: list[tuple[Config, bool]]) -> None:
    assert cli.main(["demo", "--port", "9000"]) == 0
    ((config, bots),) = served
    assert (config.data, config.demo, config.port, bots) == (Path("livegift-demo"), True, 9000, True)
    assert Config.from_json(config.to_json()) == Config(
        data=Path("livegift-demo"), demo=True, port=9000, log_level="warning"
    )


@pytest.mark.parametrize(
    ("args", "env", "file", "said"),
    [
        (["serve", "--prot", "1"], {}, "", "--prot"),
        (["serve", "--port", "many"], {}, "", "port"),
        (["serve"], {"LIVEGIFT_PROT": "1"}, "", "LIVEGIFT_PROT is not a setting; did you mean PORT"),
        (["serve"], {"LIVEGIFT_PORT": "many"}, "", "LIVEGIFT_PORT"),
        (["status"], {}, "prot = 1", "livegift.toml: prot is not a setting; did you mean port"),
        (["serve"], {}, "port = ", "livegift.toml can't be read"),
        (["serve", "--port", "65536"], {}, "", "port is 65536; it must be 0 to 65535."),
        (["serve", "--workers", "0"], {}, "", "workers is 0; it must be 1 to 256."),
        (["serve", "--appendfsync", "no"], {}, "", "appendfsync is 'no'; it must be everysec or always."),
        (["serve", "--log-level", "loud"], {}, "", "log_level is 'loud'"),
        (["edge"], {}, "", "--redis-url"),
        (["flusher"], {}, "", "--redis-url"),
        (["audit"], {}, "", "There is no book in livegift-data"),
        (["token", "--user", "u"], {}, "", "There is no secret in livegift-data"),
        (["token", "--user", "u", "--ttl", "0"], {}, "", "ttl is 0"),
        (["token", "--user", "u", "--role", "king"], {}, "", "role"),
        (["token"], {}, "", "--user"),
        (["dance"], {}, "", "dance"),
    ],
)
def test_what_can_not_run_is_one_sentence_and_exit_code_2(
    args: list[str],
    env: dict[str, str],
    file: str,
    said: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    served: list[tuple[Config, bool]],
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    if file:
        (here / "livegift.toml").write_text(file)
    assert cli.main(args) == 2
    out, err = capsys.readouterr()
    assert err.startswith("livegift: ")
    assert err.count("\n") == 1
    assert said in err
    assert out == ""
    assert served == []


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_cannot_run_from_inside_is_said_without_a_traceback(
    wrapped: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run_server(*_: Any, **__: Any) -> int:
        fault = CannotRun("The port is taken.")
        raise ExceptionGroup("tasks", [ExceptionGroup("more", [fault])]) if wrapped else fault

    monkeypatch.setattr(cli.serving, "run_server", run_server)
    assert cli.main(["serve"]) == 2
    assert capsys.readouterr().err == "livegift: The port is taken.\n"


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run_server(*_: Any, **__: Any) -> int:
        raise AssertionError("ours")

    monkeypatch.setattr(cli.serving, "run_server", run_server)
    with pytest.raises(AssertionError, match="ours"):
        cli.main(["serve"])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_teaches_by_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([command, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"livegift {command}" in said
    assert re.search(r"Examples?:", said)


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(command in said for command in COMMANDS)


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_status_without_a_server_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "--json"]) == 1
    nothing = {"ready": False, "url": None, "admin_url": None, "processes": []}
    assert json.loads(capsys.readouterr().out) == nothing
    assert cli.main(["status"]) == 1
    assert capsys.readouterr().out == "No livegift is running on livegift-data.\n"


@pytest.mark.parametrize(
    ("report", "code"),
    [
        ({"drift": 0, "findings": []}, 0),
        ({"drift": 3, "findings": []}, 1),
        ({"drift": 0, "findings": ["row 7: 3 coins are missing"]}, 1),
    ],
)
def test_the_audit_is_exit_code_1_at_any_disagreement(
    report: dict[str, Any], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def audited(_: Config) -> dict[str, Any]:
        return report

    monkeypatch.setattr(cli.book, "audited", audited)
    monkeypatch.setattr(cli.book, "configure_logs", lambda *_: None)
    assert cli.main(["audit", "--json"]) == code
    assert json.loads(capsys.readouterr().out) == report
    assert cli.main(["audit"]) == code
    assert ("3 coins are missing" in capsys.readouterr().out) is bool(report["findings"])


def test_check_says_what_to_mend(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = here / "livegift-data"
    data.mkdir()
    (data / "secret.key").write_text("00" * 32)
    (data / "secret.key").chmod(0o644)
    assert cli.main(["check", "--port", "0", "--admin-port", "0", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] is False
    mends = {finding["what"]: finding["mend"] for finding in said["findings"]}
    assert "chmod 600" in mends["secret"]
    assert mends["settings"] is None
    assert mends["Valkey"] is None
    assert not (data / "lock").exists()  # it changes nothing


def test_check_names_wrong_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--workers", "0"]) == 1
    assert "mend setting: workers is 0" in capsys.readouterr().out


def test_check_looks_at_what_the_settings_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", "--port", "0", "--admin-port", "0", "--hooks", "hooks.toml", "--oidc-issuer", "https://a.example"]
    (here / "hooks.toml").write_text("[studio]\nkind = 'mux'\nsecret_file = 'secret'\n")
    assert cli.main(words) == 1
    said = capsys.readouterr().out
    assert "mend hooks: studio.secret_file names" in said
    assert "mend sign-in: oidc_issuer is set" in said
    (here / "secret").write_text("a secret of the test")
    words += ["--oidc-client-id", "c", "--public-url", "https://b.example"]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert "ok   hooks: studio" in said
    assert "ok   sign-in: by https://a.example" in said
    assert cli.main(["check", "--base-path", "gifts/"]) == 1
    assert "must begin with a slash" in capsys.readouterr().out
    assert cli.main([*words, "--base-path", "/gifts"]) == 1
    assert "public_url must end with base_path" in capsys.readouterr().out


def test_the_defaults_have_no_fault() -> None:
    assert list(faults(Config())) == []
    assert list(faults(cli.serving.DemoConfig())) == []
