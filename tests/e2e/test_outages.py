"""What users see while a part does not answer: typed temporary errors, connections that stay, and nothing lost."""

import asyncio
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
from uuid_utils import uuid7

from tests.e2e.conftest import audit_of, open_room
from tests.processes import Serving
from tests.wire import login, wire

Start = Callable[..., Serving]
JOURNAL_EVENTS_MAX = 8


async def ready(server: Serving) -> dict[str, Any]:
    return await asyncio.to_thread(server.wait_ready)


def marks_of(path: Path) -> list[tuple[int, int, int]]:
    with closing(sqlite3.connect(path)) as book:
        return book.execute("SELECT p, epoch, mark FROM partition ORDER BY p").fetchall()


async def test_a_blocked_book_takes_gifts_up_to_the_journals_limit(data: Path, serving: Start) -> None:
    flags = ("--demo", "--partitions", "1", "--journal-events-max", str(JOURNAL_EVENTS_MAX), "--sql-timeout-ms", "500")
    url = (await ready(serving(data, *flags)))["url"]
    creator, _ = await login(url, "Creator", "creator")
    room = await open_room(url, creator)
    token, _ = await login(url, "Ann")
    async with wire(url, token) as client, httpx2.AsyncClient(base_url=url, trust_env=False) as http:
        await client.gift(room)  # the wallet is hot now
        await client.push("settled")
        with closing(sqlite3.connect(data / "book.sqlite3", isolation_level=None)) as blocker:
            blocker.execute("BEGIN EXCLUSIVE")
            ids = [str(uuid7()) for _ in range(JOURNAL_EVENTS_MAX + 1)]
            answers = [await client.gift(room, gift_event_id=gift_id) for gift_id in ids]
            assert [answer["type"] for answer in answers] == ["accepted"] * JOURNAL_EVENTS_MAX + ["error"]
            assert answers[-1]["error"]["code"] == "busy"
            assert answers[-1]["error"]["temporary"]
            blocked = await http.post("/v1/demo/login", json={"name": "Ben"})
            assert (blocked.status_code, blocked.json()["code"]) == (503, "unavailable")
            assert int(blocked.headers["retry-after"]) >= 1
            assert (await client.ask("ping"))["type"] == "pong"
            blocker.execute("ROLLBACK")
        settled: list[str] = []
        while len(settled) < JOURNAL_EVENTS_MAX:
            settled += [gift["gift_event_id"] for gift in (await client.push("settled"))["gifts"]]
        assert settled == ids[:-1]
        assert (await client.gift(room, gift_event_id=ids[-1]))["type"] == "accepted"
        await client.push("settled")
    report = await asyncio.to_thread(audit_of, data)
    assert (report["findings"], report["rows"]) == ([], JOURNAL_EVENTS_MAX + 4)


async def test_an_engine_that_does_not_answer_is_unavailable_and_the_same_id_works_later(
    data: Path, serving: Start
) -> None:
    server = serving(data, "--demo", "--redis-timeout-ms", "500")
    url = (await ready(server))["url"]
    token, _ = await login(url, "Ann")
    async with wire(url, token) as client:
        await client.gift("r1")
        (valkey,) = await asyncio.to_thread(server.pids, "valkey")
        os.kill(valkey, signal.SIGSTOP)
        gift_id = str(uuid7())
        try:
            answer = await client.gift("r1", gift_event_id=gift_id)
        finally:
            os.kill(valkey, signal.SIGCONT)
        assert (answer["error"]["code"], answer["error"]["temporary"]) == ("unavailable", True)
        assert (await client.gift("r1", gift_event_id=gift_id))["balance"] == 99_998
        os.kill(valkey, signal.SIGKILL)

        async def charged() -> dict[str, Any]:
            later = str(uuid7())
            while (answer := await client.gift("r1", gift_event_id=later))["type"] == "error":
                assert answer["error"]["temporary"], answer
                await asyncio.sleep(answer["error"]["retry_after_ms"] / 1_000)
            return answer

        assert (await charged())["balance"] == 99_997
    assert (await asyncio.to_thread(audit_of, data))["findings"] == []


async def test_a_newer_schema_is_one_sentence_and_exit_code_2(data: Path, serving: Start) -> None:
    server = serving(data)
    await ready(server)
    server.stop()
    with closing(sqlite3.connect(data / "book.sqlite3")) as book:
        book.execute("PRAGMA user_version = 9999")
    newer = serving(data)
    assert await asyncio.to_thread(newer.process.wait, 15) == 2
    assert "schema 9999" in newer.errors.read_text()


async def test_a_restored_older_book_is_refused_and_nothing_is_written(data: Path, serving: Start) -> None:
    server = serving(data, "--demo")
    url = (await ready(server))["url"]
    token, _ = await login(url, "Ann")
    backup = data.parent / "backup.sqlite3"
    with closing(sqlite3.connect(data / "book.sqlite3")) as book:
        book.execute("VACUUM INTO ?", (str(backup),))
    async with wire(url, token) as client:
        for _ in range(5):
            await client.gift("r1")
            await client.push("settled")
    server.stop()
    for name in ("book.sqlite3", "book.sqlite3-wal", "book.sqlite3-shm"):
        (data / name).unlink(missing_ok=True)
    before = marks_of(backup)
    shutil.copy(backup, data / "book.sqlite3")
    older = serving(data)
    assert await asyncio.to_thread(older.process.wait, 15) == 2
    assert "older than its journal" in older.errors.read_text()
    assert marks_of(data / "book.sqlite3") == before
