"""``livegift trigger`` and its route: what is made up in a demo looks to listeners as if it were not."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from uuid_utils import uuid7

from livegift.identity.own import mint
from livegift.identity.secret import load_secret
from tests.e2e.conftest import audit_of
from tests.processes import Serving, run_cli
from tests.wire import login, wire

Server = dict[str, Any]
Room = tuple[str, str]


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=server["url"], trust_env=False, timeout=30) as client:
        yield client


async def trigger(server: Server, *words: str) -> list[dict[str, Any]]:
    done = await asyncio.to_thread(run_cli, "trigger", *words, "--url", server["url"], "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def somebody() -> str:
    return f"Fan {uuid7().hex[-8:]}"


async def test_a_triggered_gift_goes_the_road_of_every_gift(server: Server, room: Room) -> None:
    name = somebody()
    async with wire(server["url"], room[1]) as creator:
        await creator.ask("subscribe", room=room[0], feed="creator")
        words = ("--room", room[0], "--gift", "heart", "--count", "3", "--as", name, "--message", "for you")
        [told] = await trigger(server, "gift", *words)
        frame = await creator.push("room", among="gift")
    [event] = frame["events"]
    assert (event["event_id"], event["offset"]) == (told["gifts"][0]["event_id"], 1)
    assert (event["sender"]["name"], event["count"], event["coins"], event["message"]) == (name, 3, 15, "for you")
    assert (event["sender"]["id"], event["test"], event["points_total"]) == (told["user"]["id"], False, 15)
    assert (told["coins"], told["balance"]) == (15, 99_985)
    [again] = await trigger(server, "gift", "--room", room[0], "--as", name)
    assert (again["user"], again["balance"]) == (told["user"], 99_984)
    assert audit_of(server["data"])["findings"] == []


async def test_a_triggered_combo_is_one_with_one_end(server: Server, room: Room) -> None:
    token, _ = await login(server["url"], "Viewer")
    async with wire(server["url"], token) as viewer:
        await viewer.ask("subscribe", room=room[0])
        [told] = await trigger(server, "combo", "--room", room[0], "--count", "4", "--as", somebody())
        totals: dict[str, int] = {}
        while (frame := await viewer.push("room"))["events"][-1]["type"] != "combo_ended":
            totals |= {event["combo"]["id"]: event["combo"]["total"] for event in frame["events"]}
    assert len(told["gifts"]) == 4
    assert totals == {told["gifts"][0]["event_id"]: 4}
    [ended] = [event for event in frame["events"] if event["type"] == "combo_ended"]
    assert ended["combo"]["total"] == 4


async def test_recharge_refund_and_chargeback_move_the_wallet_and_are_pushed(server: Server) -> None:
    token, user = await login(server["url"], "Ann")
    async with wire(server["url"], token) as client:
        seen, events = [], (("recharge", 70, 100_070), ("refund", 50, 100_020), ("chargeback", 200_000, -99_980))
        for event, coins, balance in events:
            [told] = await trigger(server, event, "--coins", str(coins), "--token", token)
            assert (told["user"]["id"], told["balance"], told["gifts"], told["token"]) == (user, balance, [], None)
            push = await client.push("wallet")
            seen.append((push["reason"], push["balance"]))
        assert seen == [("recharge", 100_070), ("take", 100_020), ("chargeback", -99_980)]
        assert (await client.gift("r1"))["error"]["code"] in ("frozen", "unknown_room")
    words = ("--subject", f"user:{user}", "--data", str(server["data"]), "--json")
    rows = await asyncio.to_thread(run_cli, "actions", *words)
    verbs = [json.loads(line)["verb"] for line in rows.stdout.splitlines()]
    assert verbs == ["mock.recharge", "mock.take", "mock.chargeback"]
    assert audit_of(server["data"])["findings"] == []


async def test_the_token_that_comes_back_watches_the_mock_users_wallet(server: Server) -> None:
    name = somebody()
    [told] = await trigger(server, "recharge", "--as", name)
    async with wire(server["url"], told["token"]) as client:
        await trigger(server, "recharge", "--as", name, "--coins", "9")
        assert (await client.push("wallet"))["balance"] == told["balance"] + 9


async def test_the_same_seed_draws_the_same_evening(server: Server, room: Room) -> None:
    words = ("gift", "--room", room[0], "--repeat", "4", "--every", "0", "--seed", "7")
    first, again = [
        [(one["user"], one["gifts"][0]["gift"], one["gifts"][0]["count"]) for one in await trigger(server, *words)]
        for _ in range(2)
    ]
    assert first == again
    assert len({str(one) for one in first}) > 1


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"event": "payday"}, 400, "bad_request", "event"),
        ({}, 400, "bad_request", "event"),
        ({"event": "gift", "colour": "red"}, 400, "bad_request", None),
        ({"event": "gift", "as": "\u200b"}, 400, "bad_request", "as"),
        ({"event": "combo", "gift": "rocket"}, 400, "bad_request", "gift"),
        ({"event": "combo", "count": 101}, 400, "bad_request", "count"),
        ({"event": "combo", "anonymous": True}, 400, "bad_request", "anonymous"),
        ({"event": "gift", "room": "nowhere"}, 404, "unknown_room", None),
        ({"event": "gift", "gift": "yacht"}, 404, "unknown_gift", None),
        ({"event": "gift", "count": 10_000}, 400, "bad_count", None),
        ({"event": "refund", "coins": 10_000_000}, 409, "insufficient_coins", None),
    ],
)
async def test_what_can_not_be_triggered_is_refused(
    http: httpx2.AsyncClient, body: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    answer = await http.post("/v1/demo/trigger", json=body)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (status, code), told
    assert [error["field"] for error in told.get("errors", ())] == ([field] if field else [])


async def test_with_a_token_it_is_that_users_own_gift_and_coins(
    http: httpx2.AsyncClient, server: Server, room: Room
) -> None:
    async def ask(token: str, **body: Any) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await http.post("/v1/demo/trigger", json={"event": "gift", "room": room[0], **body}, headers=headers)
        return answer.status_code, answer.json()

    token, _ = await login(server["url"], "Ann")
    status, told = await ask(token, gift="universe", count=9)
    assert (status, told["code"], told["balance"]) == (409, "insufficient_coins", 100_000)
    status, told = await ask(room[1])
    assert (status, told["code"]) == (409, "self_gift")
    secret = load_secret(server["data"] / "secret.key")
    status, told = await ask(mint(secret, "b", "B", "bot", 60))
    assert (status, told["code"]) == (403, "not_allowed")
    status, told = await ask(mint(secret, "b", "B", "viewer", 60, rooms=["another"]))
    assert (status, told["code"]) == (403, "not_allowed")
    status, told = await ask("nonsense")
    assert (status, told["code"]) == (401, "bad_token")


async def test_a_server_that_is_no_demo_refuses(serving: Callable[..., Serving], data: Path) -> None:
    url = serving(data).wait_ready()["url"]
    done = await asyncio.to_thread(run_cli, "trigger", "gift", "--url", url)
    assert (done.returncode, "not_allowed" in done.stderr) == (2, True)
    nobody = await asyncio.to_thread(run_cli, "trigger", "gift", "--url", "http://127.0.0.1:9")
    assert (nobody.returncode, "No demo answers" in nobody.stderr) == (2, True)
