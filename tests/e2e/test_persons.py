"""A person is exported and erased while their room is live; then everything that is left is searched for them."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from redis.asyncio import Redis

from livegift.supervisor.record import read_record
from tests.e2e.conftest import audit_of, open_room
from tests.e2e.test_server_api import made_key
from tests.processes import run_cli
from tests.wire import login, wire

Server = dict[str, Any]


async def cli(*words: str) -> Any:
    return await asyncio.to_thread(run_cli, *words)


async def engine_texts(data: Path) -> bytes:
    """Everything that the engine holds, as one text."""
    record = read_record(data)
    assert record is not None
    client: Any = Redis.from_url(record.redis_url)
    read = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"stream": client.xrange,
    }
    try:
        found = [repr([key, await read[await client.type(key)](key)]) async for key in client.scan_iter("*")]
    finally:
        await client.aclose()
    return "\n".join(found).encode()


async def where_is(texts: list[str], data: Path) -> set[str]:
    """Return the files below the data directory and its server's log, and ``engine``, that hold one of the texts."""
    files = {path.name: path.read_bytes() for path in data.parent.rglob("*") if path.is_file()}
    files["engine"] = await engine_texts(data)
    return {name for name, content in files.items() for text in texts if text.encode() in content}


@pytest.fixture
def texts() -> dict[str, str]:
    mark = uuid4().hex[:8]
    return {what: f"{what}-{mark}" for what in ("Sender", "Creator", "Hello", "Title", "Reason", "Grant")}


async def test_nothing_is_left_of_an_erased_person_but_ids_and_amounts(
    server: Server, texts: dict[str, str], tmp_path: Path
) -> None:
    url, data = server["url"], ("--data", str(server["data"]))
    creator_token, creator = await login(url, texts["Creator"], "creator")
    token, sender = await login(url, texts["Sender"])
    key = made_key(server, "users:write", "users:read", "coins:move")
    async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
        by_key, by_creator = ({"Authorization": f"Bearer {one}"} for one in (key, creator_token))
        opened = await http.post("/v1/rooms", json={"title": texts["Title"]}, headers=by_creator)
        room_id = opened.json()["id"]
        grant = {"coins": 5, "reason": texts["Grant"]}
        asked = await http.post(f"/v1/users/{sender}/coins", json=grant, headers=by_key | {"Idempotency-Key": sender})
        assert asked.status_code == 200
        other = await open_room(url, creator_token)
        watcher_token, _ = await login(url, "Watcher")
        async with wire(url, token) as client, wire(url, watcher_token) as watcher:
            for room in (room_id, other):
                assert (await client.gift(room, message=texts["Hello"]))["type"] == "accepted"
                await client.push("settled")
            why = {"reason": texts["Reason"]}
            muted = await http.put(f"/v1/rooms/{room_id}/mutes/{sender}", json=why, headers=by_creator)
            assert muted.status_code == 200
            assert (await watcher.ask("subscribe", room=room_id))["type"] == "subscribed"
            told = [json.loads(line) for line in (await cli("users", "export", sender, *data)).stdout.splitlines()]
            assert {one["record"] for one in told} >= {"person", "wallet", "gift_sent", "movement", "action_on_them"}
            assert {one["message"] for one in told if one["record"] == "gift_sent"} == {texts["Hello"]}
            assert {"book.sqlite3", "engine"} <= {
                name.removesuffix("-wal") for name in await where_is([*texts.values()], server["data"])
            }
            proofs = tmp_path / "proofs.json"
            assert (await cli("creators", "export", creator, str(proofs), *data)).returncode == 0

            erased = await cli("users", "erase", sender, "--reason", "ticket 1377", "--json", *data)
            assert erased.returncode == 0, erased.stderr + erased.stdout
            assert json.loads(erased.stdout)["erased"]["messages"] == 2
            hers = [texts[what] for what in ("Sender", "Hello", "Reason", "Grant")]
            assert await where_is(hers, server["data"]) == set()
            async with asyncio.timeout(5):
                await client.socket.wait_closed()
                snapshot = (await watcher.push("snapshot"))["snapshot"]
            assert [(one["id"], one["name"]) for one in snapshot["top"]] == [(sender, "")]

            erased = await cli("users", "erase", creator, "--reason", "ticket 1378", "--json", *data)
            assert erased.returncode == 0, erased.stderr + erased.stdout
            assert await where_is([*texts.values()], server["data"]) == set()
        again = await http.put(f"/v1/users/{sender}", json={"name": texts["Sender"]}, headers=by_key)
        assert (again.status_code, again.json()["code"]) == (410, "erased")
        assert (await http.get(f"/v1/users/{sender}", headers=by_key)).json()["code"] == "unknown_user"
        wallet = await http.get("/v1/wallet", headers={"Authorization": f"Bearer {token}"})
        assert (wallet.status_code, wallet.json()["code"]) == (401, "token_expired")
        assert (await http.post(f"/v1/users/{sender}/revoke", json={"reason": "r"}, headers=by_key)).status_code == 200
        assert (await http.get("/v1/wallet", headers={"Authorization": f"Bearer {token}"})).status_code == 401
        newest = (await http.get("/v1/checkpoints?limit=100")).json()["checkpoints"][-1]["body"]["key"]
    report = audit_of(server["data"])
    assert (report["drift"], report["findings"]) == (0, [])
    verified = await cli("verify", str(proofs), "--key", newest)
    assert verified.returncode == 0, verified.stderr
    left = [json.loads(line) for line in (await cli("users", "export", sender, *data)).stdout.splitlines()]
    assert {one["message"] for one in left if one["record"] == "gift_sent"} == {None}
    lines = [one for one in left if one["record"] == "action_on_them"]
    assert [one["verb"] for one in lines if one["body"]] == ["user.erase", "user.revoke"]
    assert (await cli("users", "erase", "nobody-at-all", "--reason", "r", *data)).returncode == 2
