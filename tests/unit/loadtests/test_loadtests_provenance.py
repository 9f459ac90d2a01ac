"""A report names where it comes from, and never fails for not knowing."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from loadtests import provenance as module
from loadtests.provenance import UNKNOWN, commit, machine, provenance


async def test_without_git_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await commit(tmp_path) == UNKNOWN  # no repository
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await commit(Path(__file__).parent) == UNKNOWN  # no git


async def test_a_server_that_does_not_answer_leaves_the_bots_own_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_own_version", lambda: "1.2.3")
    (tmp_path / "serve.json").write_text(json.dumps({"admin_url": "http://127.0.0.1:9"}))
    found = await provenance(tmp_path)
    assert (found["version"], found["of_server"]) == ("1.2.3", False)
    assert datetime.fromisoformat(found["started_at"]).tzinfo is not None


def test_the_machine_has_cores_and_a_python() -> None:
    assert {"cores", "arch", "system", "python"} == machine().keys()
