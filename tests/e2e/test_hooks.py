"""Media servers open and close rooms; late, twice and in the wrong order changes nothing."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from livegift.identity.own import mint
from livegift.identity.secret import load_secret
from tests.e2e.conftest import audit_of
from tests.e2e.test_server_api import made_key
from tests.hook_senders import SECRET, SENDERS, settings
from tests.processes import run_cli
from tests.wire import wire

Tell = Any


@pytest.fixture
async def live(serving: Any, tmp_path: Path) -> AsyncIterator[tuple[Any, httpx2.AsyncClient]]:
    """A server with all four hooks, and who asks it."""
    (tmp_path / "hook.secret").write_text(SECRET)
    (tmp_path / "hooks.toml").write_text(settings("luna"))
    server = serving(tmp_path / "data", "--hooks", str(tmp_path / "hooks.toml"))
    url = (await asyncio.to_thread(server.wait_ready))["url"]
    async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
        key = {"Authorization": f"Bearer {made_key({'data': server.data}, 'users:write')}"}
        for creator in ("luna", "nova"):
            made = await http.put(
                f"/v1/users/{creator}", json={"name": creator.title(), "role": "creator"}, headers=key
            )
            assert made.status_code == 201
        yield server, http


@pytest.mark.parametrize("kind", SENDERS)
async def test_a_stream_has_a_room_while_it_is_live(live: tuple[Any, httpx2.AsyncClient], kind: str) -> None:
    server, http = live

    async def tell(is_live: bool, at_ms: int, stream: str = "luna", **more: Any) -> httpx2.Response:
        sent = SENDERS[kind](stream, is_live=is_live, at_ms=at_ms, **more)
        query = {"secret": sent.secret} if sent.secret else {}
        return await http.post(f"/v1/hooks/{kind}", content=sent.body, headers=sent.headers, params=query)

    async def rooms(creator: str = "luna") -> list[dict[str, Any]]:
        return list((await http.get("/v1/rooms", params={"creator": creator})).json()["rooms"])

    at_ms = int(time.time()) * 1_000
    began = await asyncio.gather(*(tell(True, at_ms) for _ in range(4)))  # it may be told more than once
    assert [one.status_code for one in began] == [200] * 4
    assert began[0].json() == ({"allowed": True} if kind == "ovenmediaengine" else {})
    [room] = await rooms()
    assert room["title"] == ("Late at the owncast" if kind == "owncast" else "Luna")
    assert await rooms("nova") == []
    forged = await tell(False, at_ms + 1_000, secret="another secret of forty characters")
    assert (forged.status_code, forged.json()["code"]) == (401, "bad_token")
    assert (await tell(False, at_ms - 1_000)).status_code == 200  # of the stream before, and late
    assert [one["id"] for one in await rooms()] == [room["id"]]
    token = mint(load_secret(server.data / "secret.key"), "ann", "Ann", "viewer", 60)
    async with wire(str(http.base_url), token) as client:
        async with asyncio.timeout(5):
            while (await client.ask("subscribe", room=room["id"]))["type"] != "subscribed":  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # until the flusher has made it
        assert (await tell(False, at_ms + 2_000)).status_code == 200
        assert await rooms() == []
        async with asyncio.timeout(10):
            assert (await client.push("room", among="room_closed"))["events"][-1]["type"] == "room_closed"
    assert (await tell(True, at_ms)).status_code == 200  # told once more, after all was over
    assert await rooms() == []
    assert (await tell(True, at_ms + 4_000)).status_code == 200
    [again] = await rooms()
    assert again["id"] != room["id"]
    if kind != "owncast":  # which has one creator, by its settings
        stranger = await tell(True, at_ms, stream="stranger")
        assert stranger.status_code == (200 if kind == "ovenmediaengine" else 404)
    lines = await asyncio.to_thread(run_cli, "actions", "--actor", f"hook:{kind}", "--data", str(server.data))
    assert [line.split()[4] for line in lines.stdout.splitlines()] == ["room.open", "room.close", "room.open"]
    assert audit_of(server.data)["findings"] == []


async def test_what_is_no_hook_is_told(live: tuple[Any, httpx2.AsyncClient]) -> None:
    _, http = live
    unknown = await http.post("/v1/hooks/zoom", content=b"{}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_hook")
    large = await http.post("/v1/hooks/mux", content=b"x" * 70_000)
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
