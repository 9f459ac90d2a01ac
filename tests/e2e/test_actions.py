"""The audit log as operators and auditors read it."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2

from livegift.identity.own import mint
from livegift.identity.secret import load_secret
from tests.processes import Serving, run_cli


async def test_who_did_what_can_be_read_by_those_whose_work_it_is(
    server: dict[str, Any], room: tuple[str, str]
) -> None:
    secret = load_secret(server["data"] / "secret.key")
    async with httpx2.AsyncClient(base_url=server["url"], trust_env=False) as http:

        async def ask(role: str, query: str = "") -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {mint(secret, 'somebody', 'S', role, 60)}"}
            answer = await http.get(f"/v1/audit-log{query}", headers=headers)
            return answer.status_code, answer.json()

        assert [(await ask(role))[0] for role in ("viewer", "creator", "moderator", "finance")] == [403] * 4
        lines: list[Any] = []
        while page := (await ask("auditor", f"?after={lines[-1]['number'] if lines else 0}&limit=50"))[1]["lines"]:
            lines += page
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    [opened] = [line for line in lines if line["subject"] == f"room:{room[0]}"]
    assert (opened["verb"], opened["after"]["title"], opened["actor"]) == (
        *("room.open", "A test"),
        f"user:{opened['after']['creator']}",
    )
    words = ("actions", "--subject", f"room:{room[0]}", "--data", str(server["data"]))
    told = await asyncio.to_thread(run_cli, *words, "--json")
    assert [json.loads(line) for line in told.stdout.splitlines()] == [opened]
    text = await asyncio.to_thread(run_cli, *words)
    assert (text.returncode, "room.open" in text.stdout) == (0, True)


def test_a_log_that_was_changed_is_exit_code_1(serving: Callable[..., Serving], data: Path) -> None:
    server = serving(data)
    server.wait_ready()
    assert run_cli("keys", "create", "shop", "--scope", "all", "--data", str(data)).returncode == 0
    server.stop()
    assert run_cli("actions", "--data", str(data)).returncode == 0
    with closing(sqlite3.connect(data / "book.sqlite3")) as book, book:
        book.execute("UPDATE audit_log SET actor = 'user:somebody' WHERE number = 1")
    done = run_cli("actions", "--data", str(data))
    assert (done.returncode, "Line 1" in done.stderr) == (1, True)
    assert run_cli("audit", "--data", str(data)).returncode == 1
