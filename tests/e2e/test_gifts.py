"""Gifts over real sockets, two edge processes, the real engine and the real book."""

import asyncio
from typing import Any

import httpx2
import pytest
from uuid_utils import uuid7

from tests.e2e.conftest import audit_of
from tests.wire import Wire, login, wire

Server = dict[str, Any]
Room = tuple[str, str]


async def test_one_id_sent_a_thousand_times_over_twenty_connections_is_one_gift(server: Server, room: Room) -> None:
    token, _ = await login(server["url"], "Ann")
    watcher_token, _ = await login(server["url"], "Watcher")
    gift_id = str(uuid7())

    async def send_many(client: Wire) -> list[dict[str, Any]]:
        return [await client.gift(room[0], gift_event_id=gift_id) for _ in range(50)]

    async with wire(server["url"], watcher_token) as watcher, asyncio.TaskGroup() as tasks:
        await watcher.ask("subscribe", room=room[0])

        async def one_connection() -> list[dict[str, Any]]:
            async with wire(server["url"], token) as client:
                return await send_many(client)

        asked = [tasks.create_task(one_connection()) for _ in range(20)]
        answers = [answer for task in asked for answer in await task]
        frame = await watcher.push("room", among="gift")
    assert {answer["type"] for answer in answers} == {"accepted"}
    assert len({(answer["event_id"], answer["balance"]) for answer in answers}) == 1
    assert sum("replayed" not in answer for answer in answers) == 1
    assert [event["event_id"] for event in frame["events"] if event["type"] == "gift"] == [answers[0]["event_id"]]
    assert frame["totals"] == {"coins": 1, "gifts": 1, "senders": 1}
    async with httpx2.AsyncClient(base_url=server["url"], trust_env=False) as http:
        wallet = (await http.get("/v1/wallet", headers={"Authorization": f"Bearer {token}"})).json()
    assert wallet["balance"] == 99_999
    assert sorted(row["coins"] for row in wallet["rows"]) == [-1, 100_000]


async def test_a_gift_reaches_viewer_and_creator_and_settles(server: Server, room: Room) -> None:
    token, user = await login(server["url"], "Ben")
    viewer_token, _ = await login(server["url"], "Viewer")
    async with (
        wire(server["url"], token) as sender,
        wire(server["url"], viewer_token) as viewer,
        wire(server["url"], room[1]) as creator,
    ):
        assert (await viewer.ask("subscribe", room=room[0]))["snapshot"]["totals"]["gifts"] == 0
        private = await creator.ask("subscribe", room=room[0], feed="creator")
        assert private["feed"] == "creator"
        assert private["snapshot"]["points_total"] == 0
        assert private["snapshot"]["session"] == {"coins": 0, "points": 0, "gifts": 0}
        answer = await sender.gift(room[0], "heart", 5, count=3, message="for you")
        assert (answer["type"], answer["balance"]) == ("accepted", 99_985)
        settled = await sender.push("settled")
        assert settled["gifts"][0]["event_id"] == answer["event_id"]
        event = (await viewer.push("room", among="gift"))["events"][0]
        assert event["event_id"] == answer["event_id"]
        assert event["sender"] == {"id": user, "name": "Ben", "anonymous": False, "coins_total": 15}
        assert event["combo"] == {"id": answer["event_id"], "total": 3, "coins_total": 15}
        assert (event["count"], event["coins"], event["message"], event["test"]) == (3, 15, "for you", False)
        assert "points_total" not in event
        private = (await creator.push("room", among="gift"))["events"][0]
        assert (private["points_total"], private["session"]) == (15, {"coins": 15, "points": 15, "gifts": 3})
        ended = (await viewer.push("room", among="combo_ended"))["events"][0]
        assert ended["event_id"] == answer["event_id"] + ".end"
        assert ended["combo"]["total"] == 3


async def test_an_anonymous_sender_is_nowhere_on_the_wire(server: Server, room: Room) -> None:
    token, user = await login(server["url"], "Secret Sam")
    viewer_token, _ = await login(server["url"], "Viewer")
    async with wire(server["url"], token) as sender, wire(server["url"], viewer_token) as viewer:
        await viewer.ask("subscribe", room=room[0])
        await sender.gift(room[0], anonymous=True)
        frame = await viewer.push("room", among="gift")
        event = frame["events"][0]
        assert event["sender"] == {"id": None, "name": None, "anonymous": True, "coins_total": None}
        assert event["combo"] is None
        assert frame["totals"]["senders"] == 1
        snapshot = (await viewer.ask("subscribe", room=room[0]))["snapshot"]
        assert snapshot["top"] == []
        assert user not in str(frame)


async def test_who_comes_back_gets_exactly_what_was_missed(server: Server, room: Room) -> None:
    token, _ = await login(server["url"], "Cleo")
    async with wire(server["url"], token) as client:
        first = await client.ask("subscribe", room=room[0])
        await client.gift(room[0], "castle", 1_000)
        await client.push("room", among="gift")
    async with wire(server["url"], token) as client:
        for _ in range(3):
            await client.gift(room[0], "diamond", 199)
        await client.push("settled")
        since = {"epoch": first["epoch"], "offset": first["offset"] + 1}

        async def all_back() -> dict[str, Any]:
            while True:
                again = await client.ask("subscribe", room=room[0], since=since)
                if len(again["events"]) == 3:
                    return again

        async with asyncio.timeout(10):
            again = await all_back()
        assert (again["recovered"], again["snapshot"]) == (True, None)
        assert again["totals"] == {"coins": 1_597, "gifts": 4, "senders": 1}
        assert [event["offset"] for event in again["events"]] == [first["offset"] + n for n in (2, 3, 4)]
        fresh = await client.ask("subscribe", room=room[0], since={"epoch": "1", "offset": 1})
        assert (fresh["recovered"], fresh["events"], fresh["snapshot"]["totals"]["coins"]) == (False, [], 1_597)


async def test_a_closed_room_says_so_and_takes_no_more_gifts(server: Server, room: Room) -> None:
    token, _ = await login(server["url"], "Dora")
    gift_id = str(uuid7())
    async with wire(server["url"], token) as client:
        await client.ask("subscribe", room=room[0])
        receipt = await client.gift(room[0], gift_event_id=gift_id)
        async with httpx2.AsyncClient(base_url=server["url"], trust_env=False) as http:
            closed = await http.post(f"/v1/rooms/{room[0]}/close", headers={"Authorization": f"Bearer {room[1]}"})
            assert closed.json() == {"id": room[0], "state": "closed"}
        last = (await client.push("room", among="room_closed"))["events"][-1]
        assert last["totals"]["coins"] == 1

        answer = await client.gift(room[0])
        assert answer["error"]["code"] == "room_closed"
        again = await client.gift(room[0], gift_event_id=gift_id)
        assert (again["type"], again["replayed"], again["event_id"]) == ("accepted", True, receipt["event_id"])


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"count": 0}, "bad_count"),
        ({"count": -1}, "bad_count"),
        ({"count": 2**53}, "bad_count"),
        ({"count": 1.5}, "bad_count"),
        ({"gift_event_id": "nonsense"}, "bad_id"),
        ({"gift_event_id": "7d5c2f6e-0b0d-4c0e-8a53-2f6e0b0d4c0e"}, "bad_id"),
        ({"gift_event_id": "01000000-0000-7000-8000-000000000000"}, "expired"),
        ({"gift_event_id": "0fffffff-0000-7000-8000-000000000000"}, "bad_id"),
        ({"gift_event_id": 7}, "bad_id"),
        ({"price_coins": 2}, "price_changed"),
        ({"price_coins": "1"}, "bad_request"),
        ({"gift": "nothing"}, "unknown_gift"),
        ({"room": "nowhere"}, "unknown_room"),
        ({"to": "stranger"}, "unknown_receiver"),
        ({"gift": "universe", "price_coins": 44_999, "count": 3}, "insufficient_coins"),
        ({"message": "x" * 201}, "bad_request"),
        ({"message": "a\x00b"}, "bad_request"),
        ({"room": "a\x00b"}, "bad_request"),
    ],
)
async def test_a_bad_send_is_a_typed_error_and_changes_nothing(
    server: Server, room: Room, fields: dict[str, Any], code: str
) -> None:
    token, _ = await login(server["url"], "Eve")
    async with wire(server["url"], token) as client:
        answer = await client.ask(
            "send", **({"room": room[0], "gift": "rose", "price_coins": 1, "gift_event_id": str(uuid7())} | fields)
        )
        assert (answer["type"], answer["error"]["code"], answer["error"]["temporary"]) == ("error", code, False)
        if code == "insufficient_coins":
            assert (answer["error"]["balance"], answer["error"]["needed"]) == (100_000, 134_997)
        assert (await client.gift(room[0]))["balance"] == 99_999


async def test_a_creator_cannot_gift_themselves(server: Server, room: Room) -> None:
    async with wire(server["url"], room[1]) as client:
        assert (await client.gift(room[0]))["error"]["code"] == "self_gift"


async def test_the_same_id_with_another_content_is_a_mismatch(server: Server, room: Room) -> None:
    token, _ = await login(server["url"], "Finn")
    async with wire(server["url"], token) as client:
        gift_id = str(uuid7())
        assert (await client.gift(room[0], gift_event_id=gift_id))["type"] == "accepted"
        assert (await client.gift(room[0], gift_event_id=gift_id, count=2))["error"]["code"] == "mismatch"


async def test_too_many_sends_are_rate_limited_and_resends_are_not(server: Server, room: Room) -> None:
    token, _ = await login(server["url"], "Gus")
    async with wire(server["url"], token) as client:
        ids = [str(uuid7()) for _ in range(30)]
        answers = [await client.gift(room[0], gift_event_id=gift_id) for gift_id in ids]
        limited = [answer["error"] for answer in answers if answer["type"] == "error"]
        assert {error["code"] for error in limited} == {"rate_limited"}
        assert all(error["temporary"] and error["retry_after_ms"] > 0 for error in limited)
        for _ in range(30):
            assert (await client.gift(room[0], gift_event_id=ids[0]))["replayed"]


async def test_the_books_agree_after_all_that(server: Server) -> None:
    report = audit_of(server["data"])
    assert (report["findings"], report["drift"]) == ([], 0)
    assert report["rows"] > 0
