"""What a platform's server does with a key: users, rooms, coins, gifts, events, each asked as often as it likes."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from uuid_utils import uuid7

from livegift.domain.keys import SCOPES
from livegift.identity.own import mint
from livegift.identity.secret import load_secret
from tests.wire import wire

Server = dict[str, Any]


def made_key(server: Server, *scopes: str) -> str:
    words = [word for scope in scopes for word in ("--scope", scope)]
    made = subprocess.run(
        [sys.executable, "-m", "livegift.cli", "keys", "create", "shop", *words, "--data", str(server["data"])],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return made.stdout.strip()


def listed(server: Server) -> str:
    words = ["keys", "list", "--json", "--data", str(server["data"])]
    return subprocess.run(
        [sys.executable, "-m", "livegift.cli", *words], capture_output=True, text=True, check=True
    ).stdout


class Api:
    """A platform's server."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http

    async def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> tuple[int, Any]:
        headers = {"Idempotency-Key": key} if key else {}
        answer = await self.http.request(method, path, json=body, headers=headers)
        return answer.status_code, answer.json()

    async def person(self, role: str = "viewer", coins: int = 0) -> str:
        user = f"u|{uuid7().hex[-12:]}"
        assert (await self.ask("PUT", f"/v1/users/{user}", {"name": "Ann", "role": role}))[0] == 201
        if coins:
            answer = await self.ask("POST", f"/v1/users/{user}/coins", {"coins": coins, "reason": "bought"}, key=user)
            assert answer[0] == 200, answer
        return user

    async def room(self) -> tuple[str, str]:
        creator, room = await self.person("creator"), f"room.{uuid7().hex[-12:]}"
        status, _ = await self.ask("PUT", f"/v1/rooms/{room}", {"title": "Late", "creator": creator})
        assert status == 201
        return room, creator


@pytest.fixture(scope="session")
def shop_key(server: Server) -> str:
    return made_key(server, "all")


@pytest.fixture
async def api(server: Server, shop_key: str) -> AsyncIterator[Api]:
    headers = {"Authorization": f"Bearer {shop_key}"}
    async with httpx2.AsyncClient(base_url=server["url"], headers=headers, trust_env=False, timeout=30) as http:
        yield Api(http)


def codes(answers: list[tuple[int, Any]]) -> list[tuple[int, str]]:
    return [(status, body.get("code", "")) for status, body in answers]


async def test_users_and_rooms_are_made_under_the_platforms_ids_and_asking_again_changes_nothing(api: Api) -> None:
    user = f"/v1/users/{uuid7().hex}"
    assert [(await api.ask("PUT", user, {"name": "Bo"}))[0] for _ in range(2)] == [201, 200]
    assert (await api.ask("PUT", user, {"name": "Bob"}))[0] == 200
    assert (await api.ask("GET", user))[1]["name"] == "Bob"
    room, creator = await api.room()
    again = {"title": "Later", "creator": creator}
    assert (await api.ask("PUT", f"/v1/rooms/{room}", again))[0] == 200
    assert (await api.ask("GET", f"/v1/rooms/{room}"))[1]["title"] == "Later"
    viewer = await api.person()
    refused = [
        await api.ask("PUT", "/v1/rooms/other", {"title": "T", "creator": viewer}),
        await api.ask("PUT", "/v1/rooms/other", {"title": "T", "creator": "nobody"}),
        await api.ask("PUT", f"/v1/rooms/{room}", {"title": "T", "creator": await api.person("creator")}),
        await api.ask("GET", "/v1/users/nobody"),
    ]
    assert codes(refused) == [(404, "unknown_user"), (404, "unknown_user"), (409, "room_closed"), (404, "unknown_user")]
    assert (await api.ask("POST", f"/v1/rooms/{room}/close"))[1] == {"id": room, "state": "closed"}
    assert codes([await api.ask("PUT", f"/v1/rooms/{room}", again)]) == [(409, "room_closed")]


async def test_many_at_once_make_one_user_and_one_movement(api: Api) -> None:
    user = uuid7().hex
    made = await asyncio.gather(*(api.ask("PUT", f"/v1/users/{user}", {"name": "Bo"}) for _ in range(20)))
    assert sorted(status for status, _ in made) == [200] * 19 + [201]
    grant = {"coins": 70, "reason": "bought"}
    granted = await asyncio.gather(
        *(api.ask("POST", f"/v1/users/{user}/coins", grant, key=f"order {user}") for _ in range(20))
    )
    assert {(status, body["id"], body["balance"]) for status, body in granted} == {(200, granted[0][1]["id"], 70)}
    assert (await api.ask("GET", f"/v1/users/{user}"))[1]["balance"] == 70


async def test_coins_come_and_go_and_never_below_nothing(api: Api) -> None:
    user = await api.person(coins=50)
    path = f"/v1/users/{user}/coins"

    async def move(coins: int, key: str) -> tuple[int, Any]:
        return await api.ask("POST", path, {"coins": coins, "reason": "a test"}, key=f"{user} {key}")

    status, body = await move(-60, "a")
    assert (status, body["code"], body["balance"], body["needed"]) == (409, "insufficient_coins", 50, 60)
    assert (await move(-60, "a"))[1]["code"] == "insufficient_coins"
    assert (await move(-20, "b"))[1]["balance"] == 30
    assert (await move(40, "c"))[1]["balance"] == 70
    assert (await move(-60, "a"))[1]["code"] == "insufficient_coins"  # what was refused stays so
    assert (await move(-20, "b"))[1]["balance"] == 30  # and what was answered
    wrong = [
        await move(-21, "b"),
        await move(0, "d"),
        await api.ask("POST", path, {"coins": 5, "reason": "r"}),
        await api.ask("POST", path, {"coins": 5}, key="e"),
        await api.ask("POST", path, {"coins": 1.5, "reason": "r"}, key="e"),
        await api.ask("POST", path, {"coins": 10**13, "reason": "r"}, key="e"),
        await api.ask("POST", "/v1/users/nobody/coins", {"coins": 5, "reason": "r"}, key=f"{user} f"),
    ]
    assert codes(wrong) == [(409, "mismatch"), *[(400, "bad_request")] * 5, (404, "unknown_user")]
    assert (await api.ask("GET", f"/v1/users/{user}"))[1]["balance"] == 70


async def test_a_gift_on_behalf_is_one_gift_however_often_it_is_asked(api: Api) -> None:
    room, creator = await api.room()
    user = await api.person(coins=100)
    gift = {"user": user, "room": room, "gift": "rose", "count": 3, "message": "Hallo"}
    answers = await asyncio.gather(*(api.ask("POST", "/v1/gifts", gift, key=f"gift {user}") for _ in range(10)))
    assert {(body["event_id"], body["gift_event_id"], body["balance"]) for _, body in answers} == {
        (answers[0][1]["event_id"], answers[0][1]["gift_event_id"], 97)
    }
    assert sorted(status for status, _ in answers) == [200] * 9 + [201]
    assert (await api.ask("GET", f"/v1/creators/{creator}/points"))[1]["points"] == 3
    view = (await api.ask("GET", f"/v1/rooms/{room}"))[1]["snapshot"]
    assert (view["totals"]["coins"], view["top"][0]["name"]) == (3, "Ann")
    refused = [
        await api.ask("POST", "/v1/gifts", {**gift, "count": 4}, key=f"gift {user}"),
        await api.ask("POST", "/v1/gifts", {**gift, "count": 98}, key=f"more {user}"),
        await api.ask("POST", "/v1/gifts", {**gift, "gift": "moon"}, key=f"moon {user}"),
        await api.ask("POST", "/v1/gifts", {**gift, "price_coins": 2}, key=f"dear {user}"),
        await api.ask("POST", "/v1/gifts", {**gift, "user": "nobody"}, key=f"who {user}"),
        await api.ask("POST", "/v1/gifts", {**gift, "user": creator}, key=f"self {user}"),
    ]
    assert codes(refused) == [
        (409, "mismatch"),
        (409, "insufficient_coins"),
        (404, "unknown_gift"),
        (409, "price_changed"),
        (404, "unknown_user"),
        (409, "self_gift"),
    ]
    assert refused[1][1]["balance"] == 97


async def test_every_settled_thing_is_told_once_from_a_cursor_on(api: Api) -> None:
    cursor, before = "", 0
    while True:
        _, page = await api.ask("GET", f"/v1/events?limit=500&cursor={cursor}")
        cursor, before = page["cursor"], before + len(page["events"])
        if not page["events"]:
            break
    room, creator = await api.room()
    user = await api.person(coins=100)
    waiting = asyncio.create_task(api.ask("GET", f"/v1/events?wait_ms=20000&cursor={cursor}"))
    gift = {"user": user, "room": room, "gift": "rose"}
    sent = [(await api.ask("POST", "/v1/gifts", gift, key=f"{user} {n}"))[1] for n in range(5)]
    found: list[dict[str, Any]] = []
    _, page = await waiting
    assert page["events"]
    while page["events"]:
        found += [one for one in page["events"] if user in (one.get("sender"), one.get("user"))]
        _, page = await api.ask("GET", f"/v1/events?limit=2&cursor={page['cursor']}")
    assert [one["type"] for one in found] == ["movement", *["gift"] * 5]
    assert (found[0]["coins"], found[0]["kind"], found[0]["balance"]) == (100, "promo", 100)
    assert [(one["id"], one["gift_event_id"]) for one in found[1:]] == [
        (one["event_id"], one["gift_event_id"]) for one in sent
    ]
    assert {(one["receiver"], one["room"], one["points"]) for one in found[1:]} == {(creator, room, 1)}
    wrong = [
        await api.ask("GET", "/v1/events?cursor=AAAA"),
        await api.ask("GET", "/v1/events?limit=0"),
        await api.ask("GET", "/v1/events?wait_ms=x"),
    ]
    assert codes(wrong) == [(400, "bad_request")] * 3


async def test_a_minted_token_opens_the_door_until_the_user_is_sent_away(api: Api, server: Server) -> None:
    user = await api.person(coins=5)
    room, _ = await api.room()
    _, answer = await api.ask("POST", f"/v1/users/{user}/tokens", {"rooms": [room], "ttl_s": 600})
    async with wire(server["url"], answer["token"]) as one, wire(server["url"], answer["token"]) as two:
        for client in (one, two):
            assert (await client.ask("subscribe", room=room))["type"] == "subscribed"
        began = time.monotonic()
        assert (await api.ask("POST", f"/v1/users/{user}/revoke", {"reason": "stolen phone"}))[0] == 200
        for client in (one, two):
            async with asyncio.timeout(5):
                await client.socket.wait_closed()
            assert client.socket.close_code == 4502
        print(f"both sockets closed after {time.monotonic() - began:.3f} s")
    for _ in range(4):  # whichever edge answers
        async with wire(server["url"]) as client:
            assert (await client.ask("connect", token=answer["token"]))["error"]["code"] == "token_expired"
    secret = load_secret(server["data"] / "secret.key")
    async with wire(server["url"]) as client:
        assert (await client.ask("connect", token=mint(secret, user, "Ann", "viewer", 60)))["type"] == "connected"


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("PUT", "/v1/users/u", "users:write"),
        ("GET", "/v1/users/u", "users:read"),
        ("POST", "/v1/users/u/tokens", "users:write"),
        ("POST", "/v1/users/u/revoke", "users:write"),
        ("GET", "/v1/creators/u/points", "users:read"),
        ("POST", "/v1/users/u/coins", "coins:move"),
        ("POST", "/v1/gifts", "gifts:send"),
        ("PUT", "/v1/rooms/r", "rooms:write"),
        ("POST", "/v1/rooms/r/close", "rooms:write"),
        ("GET", "/v1/events", "events:read"),
    ],
)
async def test_a_key_may_do_what_its_scopes_say_and_nothing_else(
    server: Server, every_key_but: dict[str, str], method: str, path: str, scope: str
) -> None:
    async with httpx2.AsyncClient(base_url=server["url"], trust_env=False) as http:

        async def ask(bearer: str | None) -> tuple[int, str, str]:
            headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
            problem = (await http.request(method, path, json={}, headers=headers)).json()
            return problem["status"], problem["code"], problem["detail"]

        status, code, detail = await ask(every_key_but[scope])
        assert (status, code, scope in detail) == (403, "not_allowed", True)
        token = mint(load_secret(server["data"] / "secret.key"), "u", "U", "admin", 60)
        for bearer in (None, "lgk_nonsense", token):
            expected = (404, "unknown_room") if bearer == token and path.endswith("close") else (401, "bad_token")
            assert (await ask(bearer))[:2] == expected


@pytest.fixture(scope="session")
def every_key_but(server: Server) -> dict[str, str]:
    return {scope: made_key(server, *(one for one in SCOPES if one != scope)) for scope in SCOPES}


async def test_a_revoked_key_ends_on_every_edge(server: Server) -> None:
    key = made_key(server, "users:read")
    assert key not in listed(server)
    key_id = next(line.split('"')[3] for line in listed(server).splitlines()[::-1] if '"id"' in line)
    headers = {"Authorization": f"Bearer {key}"}

    async def ask() -> int:
        async with httpx2.AsyncClient(base_url=server["url"], trust_env=False) as http:
            return (await http.get("/v1/users/nobody", headers=headers)).status_code

    assert {await ask() for _ in range(6)} == {404}
    words = ["keys", "revoke", key_id, "--reason", "leaked", "--data", str(server["data"])]
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "livegift.cli", *words], check=True, capture_output=True
    )
    await asyncio.sleep(0.6)
    assert {await ask() for _ in range(6)} == {401}
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-m", "livegift.cli", *words], capture_output=True)
    assert done.returncode == 1
