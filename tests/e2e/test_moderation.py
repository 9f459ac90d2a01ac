"""What moderators and creators say holds at once, on both edges, for every client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from uuid_utils import uuid7

from livegift.identity.own import mint
from livegift.identity.secret import load_secret
from tests.e2e.test_server_api import made_key
from tests.processes import Serving
from tests.wire import Wire, login, wire

Server = dict[str, Any]
Ask = Any


def code_of(answer: dict[str, Any]) -> str:
    return str(answer["error"]["code"]) if answer["type"] == "error" else str(answer["type"])


@pytest.fixture
async def ask(server: Server) -> AsyncIterator[Ask]:
    async with httpx2.AsyncClient(base_url=server["url"], trust_env=False) as http:

        async def ask(bearer: str | None, method: str, path: str, body: Any = None) -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
            answer = await http.request(method, path, json=body, headers=headers)
            return answer.status_code, answer.json()

        yield ask


async def answered(ask: Callable[[], Awaitable[dict[str, Any]]], code: str) -> None:
    """Ask until that is the answer."""
    for _ in range(60):
        if code_of(await ask()) == code:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"the answer never was {code}")


async def put_out(client: Wire) -> dict[str, Any]:
    """Return the push that says so."""
    async with asyncio.timeout(3):
        while (told := await client.push("error"))["error"]["code"] != "banned":
            pass
    return told


async def test_a_ban_puts_out_of_the_room_on_every_edge_and_what_is_charged_is_still_answered(
    server: Server, room: tuple[str, str], ask: Ask
) -> None:
    room_id, creator = room
    token, ann = await login(server["url"], "Ann")
    charged = str(uuid7())
    async with wire(server["url"], token) as one, wire(server["url"], token) as two:
        for client in (one, two):
            assert code_of(await client.ask("subscribe", room=room_id)) == "subscribed"
        assert code_of(await one.gift(room_id, gift_event_id=charged)) == "accepted"
        assert (await ask(creator, "PUT", f"/v1/rooms/{room_id}/bans/{ann}", {"reason": "insults"}))[0] == 200
        for client in (one, two):
            assert room_id in (await put_out(client))["error"]["message"]
            assert code_of(await client.ask("subscribe", room=room_id)) == "banned"
            assert code_of(await client.gift(room_id)) == "banned"
        again = await two.gift(room_id, gift_event_id=charged)
        assert (code_of(again), again["replayed"]) == ("accepted", True)
        listed = (await ask(creator, "GET", f"/v1/rooms/{room_id}/sanctions"))[1]["sanctions"]
        assert listed == [{"user": ann, "kind": "ban", "until_ms": None}]
        assert (await ask(creator, "DELETE", f"/v1/rooms/{room_id}/bans/{ann}"))[0] == 200
        for client in (one, two):
            await answered(partial(client.ask, "subscribe", room=room_id), "subscribed")
            assert code_of(await client.gift(room_id)) == "accepted"
    assert (await ask(creator, "GET", f"/v1/rooms/{room_id}/sanctions"))[1]["sanctions"] == []


async def test_who_is_muted_gifts_without_words_and_a_short_ban_ends_by_itself(
    server: Server, room: tuple[str, str], ask: Ask
) -> None:
    room_id, creator = room
    token, ann = await login(server["url"], "Ann")
    path = f"/v1/rooms/{room_id}"
    async with wire(server["url"], token) as client:
        assert (await ask(creator, "PUT", f"{path}/mutes/{ann}", {"reason": "spam"}))[0] == 200
        await answered(lambda: client.gift(room_id, message="Buy now!"), "muted")
        assert code_of(await client.gift(room_id)) == "accepted"
        assert code_of(await client.ask("subscribe", room=room_id)) == "subscribed"
        assert (await ask(creator, "PUT", f"{path}/bans/{ann}", {"reason": "r", "seconds": 2}))[0] == 200
        await put_out(client)
        await answered(lambda: client.ask("subscribe", room=room_id), "subscribed")
        assert (await ask(creator, "POST", f"{path}/kicks", {"user": ann, "reason": "calm down"}))[0] == 200
        await put_out(client)
        assert code_of(await client.ask("subscribe", room=room_id)) == "banned"


async def test_a_ban_everywhere_closes_sockets_and_keeps_them_closed(server: Server, ask: Ask) -> None:
    key = made_key(server, "users:moderate")
    token, ann = await login(server["url"], "Ann")
    async with wire(server["url"], token) as one, wire(server["url"], token) as two:
        assert (await ask(key, "PUT", f"/v1/bans/{ann}", {"reason": "fraud"}))[0] == 200
        for client in (one, two):
            async with asyncio.timeout(3):
                await client.socket.wait_closed()
            assert client.socket.close_code == 4403
    async with wire(server["url"]) as client:
        assert code_of(await client.ask("connect", token=token)) == "banned"
        async with asyncio.timeout(3):
            await client.socket.wait_closed()
        assert client.socket.close_code == 4403
    assert (await ask(token, "GET", "/v1/wallet"))[1]["code"] == "banned"
    assert (await ask(key, "DELETE", f"/v1/bans/{ann}"))[0] == 200
    for _ in range(60):
        if (await ask(token, "GET", "/v1/wallet"))[0] == 200:
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError("the ban was not lifted")


async def test_who_may_moderate(server: Server, room: tuple[str, str], ask: Ask) -> None:
    room_id, creator = room
    secret = load_secret(server["data"] / "secret.key")
    mod_token, mod = await login(server["url"], "Mod")
    stranger, _ = await login(server["url"], "Stranger")
    _, other = await login(server["url"], "Other")
    path, why = f"/v1/rooms/{room_id}/mutes/{other}", {"reason": "r"}
    platforms = {role: mint(secret, f"staff-{role}", "S", role, 60) for role in ("moderator", "admin", "support")}
    assert [(await ask(one, "PUT", path, why))[0] for one in (None, stranger, mod_token, platforms["support"])] == [
        *(401, 403, 403, 403)
    ]
    assert (await ask(mod_token, "PUT", f"/v1/rooms/{room_id}/moderators/{mod}"))[0] == 403
    assert (await ask(creator, "PUT", f"/v1/rooms/{room_id}/moderators/{mod}"))[0] == 200
    for one in (creator, mod_token, platforms["moderator"], platforms["admin"]):
        assert (await ask(one, "PUT", path, why))[0] == 200
    for one in (mod_token, platforms["moderator"]):
        assert (await ask(one, "PUT", f"/v1/rooms/{room_id}/moderators/{other}"))[0] == 403
        expected = 200 if one == platforms["moderator"] else 403
        assert (await ask(one, "PUT", f"/v1/bans/{uuid7().hex}", why))[0] == expected
    scoped = mint(secret, "staff", "S", "moderator", 60, rooms=["another"])
    assert (await ask(scoped, "PUT", path, why))[0] == 403
    assert (await ask(creator, "DELETE", f"/v1/rooms/{room_id}/moderators/{mod}"))[0] == 200
    assert (await ask(mod_token, "PUT", path, why))[0] == 403
    creator_id = (await ask(None, "GET", f"/v1/rooms/{room_id}"))[1]["creator"]["id"]
    wrong = [
        await ask(creator, "PUT", f"/v1/rooms/{room_id}/bans/{creator_id}", why),
        await ask(creator, "PUT", "/v1/rooms/nowhere/bans/x", why),
        await ask(creator, "PUT", path, {}),
        await ask(creator, "PUT", path, {"reason": "r", "seconds": 0}),
        await ask(creator, "PUT", f"/v1/rooms/{room_id}/bans/a%00b", why),
        await ask(creator, "PUT", f"/v1/rooms/{room_id}/bans/{'u' * 257}", why),
        await ask(creator, "POST", f"/v1/rooms/{room_id}/kicks", {"user": "a\x00b", "reason": "r"}),
        await ask(creator, "GET", "/v1/creators/a%00b/policy"),
    ]
    assert [status for status, _ in wrong] == [403, 404, *[400] * 6]


async def test_a_creators_policy_holds_for_every_client(server: Server, room: tuple[str, str], ask: Ask) -> None:
    room_id, creator = room
    creator_id = (await ask(None, "GET", f"/v1/rooms/{room_id}"))[1]["creator"]["id"]
    path = f"/v1/creators/{creator_id}/policy"
    token, _ = await login(server["url"], "Ann")
    assert (await ask(None, "GET", path))[1]["gifts"] is True
    assert [(await ask(one, "PUT", path, {}))[0] for one in (None, token)] == [401, 403]
    assert (await ask(creator, "PUT", path, {"min_coin": 3}))[0] == 400

    async with wire(server["url"], token) as client:

        async def takes(policy: dict[str, Any], code: str, **gift: Any) -> None:
            """Wait until that is what an edge says to that gift under that policy, which a hint brings to it."""
            assert (await ask(creator, "PUT", path, policy))[0] == 200
            await answered(partial(client.gift, room_id, **gift), code)

        await takes({"gifts": False}, "not_wanted")
        await takes({"min_coins": 5}, "accepted", count=5)
        await takes({"min_coins": 5}, "not_wanted", count=4)
        await takes({}, "accepted")
        await takes({"deny": ["rose"]}, "not_wanted")
        await takes({"allow": ["rose"]}, "accepted")
        await takes({"allow": ["moon"]}, "not_wanted")
        await takes({}, "accepted", message="Hi", anonymous=True)
        await takes({"messages": False}, "not_wanted", message="Hi")
        await takes({}, "accepted", message="Hi", anonymous=True)
        await takes({"anonymous": False}, "not_wanted", anonymous=True)
        await takes({}, "accepted", anonymous=True)
    assert (await ask(None, "GET", path))[1] == {
        **{"gifts": True, "messages": True, "anonymous": True, "min_coins": 1, "allow": None, "deny": []},
        "merge_window_ms": 0,
    }


async def test_what_people_write_is_cleaned_before_others_see_it(
    serving: Callable[..., Serving], data: Path, tmp_path: Path
) -> None:
    words = tmp_path / "words"
    words.write_text("heck\n")
    server = serving(data, "--demo", "--filter", "words", "--filter-words", str(words))
    url = (await asyncio.to_thread(server.wait_ready))["url"]
    token, _ = await login(url, "Heck Ann")
    creator, _ = await login(url, "Luna", "creator")
    async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
        headers = {"Authorization": f"Bearer {creator}"}
        room_id = (await http.post("/v1/rooms", json={"title": "Heck!"}, headers=headers)).json()["id"]
        assert (await http.get(f"/v1/rooms/{room_id}")).json()["title"] == "****!"
    gift_id = str(uuid7())
    async with wire(url, token) as client:
        assert code_of(await client.ask("subscribe", room=room_id)) == "subscribed"
        for replayed in (None, True):
            answer = await client.gift(room_id, message="What the HÉCK", gift_event_id=gift_id)
            assert (code_of(answer), answer.get("replayed")) == ("accepted", replayed)
        told = (await client.push("room"))["events"][0]
        assert (told["message"], told["sender"]["name"]) == ("What the ****", "**** Ann")
