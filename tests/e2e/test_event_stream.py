"""The creator's feed as server-sent events, from a real server."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from livegift.identity.own import mint
from livegift.identity.secret import load_secret
from tests.e2e.conftest import open_room
from tests.processes import Serving
from tests.wire import login, wire

Server = dict[str, Any]
Room = tuple[str, str]
Event = dict[str, Any]
PATIENCE_S = 20.0


class Stream:
    """A response that is being read."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._text = response.aiter_text()
        self._unread = ""

    async def next(self) -> Event:
        """Return the next event: its id, its type, and its message."""
        async with asyncio.timeout(PATIENCE_S):
            while "\n\n" not in self._unread:
                self._unread += await anext(self._text)
        text, _, self._unread = self._unread.partition("\n\n")
        fields = dict(line.split(": ", 1) for line in text.split("\n"))
        if fields["event"] == "viewers":
            return await self.next()  # stands outside the sequence and has no id
        assert list(fields) == ["id", "event", "data"]
        message = json.loads(fields["data"])
        assert (message["type"], message["cursor"]) == (fields["event"], fields["id"])
        return {"id": fields["id"], "message": message}

    async def gift(self) -> Event:
        """Return the next event that has a gift."""
        while True:
            event = await self.next()
            if any(one["type"] == "gift" for one in event["message"]["events"]):
                return event

    async def rest(self) -> str:
        """Return what still comes within the sequence, once the server has ended the response."""
        async with asyncio.timeout(PATIENCE_S):
            text = self._unread + "".join([text async for text in self._text])
        return "\n\n".join(block for block in text.split("\n\n") if not block.startswith("event: viewers"))


@asynccontextmanager
async def streaming(url: str, room: str, token: str, cursor: str = "") -> AsyncIterator[Stream]:
    headers = {"Accept-Encoding": "identity"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"Last-Event-ID": cursor} if cursor else {}
    async with (
        httpx2.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE_S) as http,
        http.stream("GET", f"/v1/rooms/{room}/feed", headers=headers) as response,
    ):
        yield Stream(response)


async def test_a_stream_goes_on_after_its_last_event(server: Server, room: Room) -> None:
    token, _ = await login(server["url"], "Ann")
    async with wire(server["url"], token) as ann:
        async with streaming(server["url"], *room) as stream:
            assert stream.response.status_code == 200
            assert stream.response.headers["content-type"].startswith("text/event-stream")
            assert stream.response.headers["cache-control"] == "no-store"
            first = await stream.next()
            assert first["message"]["snapshot"]["session"] == {"coins": 0, "points": 0, "gifts": 0}
            receipt = await ann.gift(room[0], "rose", 1, count=2)
            seen = await stream.gift()
        [gift] = seen["message"]["events"]
        assert (gift["event_id"], gift["points_total"]) == (receipt["event_id"], 2)
        missed = await ann.gift(room[0], "rose", 1, count=3)
        await ann.push("settled", among=None)
        async with streaming(server["url"], *room, cursor=seen["id"]) as stream:
            answer = await stream.gift()
            ids = [event["event_id"] for event in answer["message"]["events"] if event["type"] == "gift"]
            assert ids == [missed["event_id"]]
            last = await ann.gift(room[0], "heart", 5)
            seen = await stream.gift()
        [gift] = [event for event in seen["message"]["events"] if event["type"] == "gift"]
        assert (gift["event_id"], gift["session"]) == (last["event_id"], {"coins": 10, "points": 10, "gifts": 6})


async def test_a_stream_is_its_creators_alone_and_a_cursor_its_rooms(server: Server, room: Room) -> None:
    url, (own, token) = server["url"], room
    viewer, _ = await login(url, "Viewer")
    async with streaming(url, own, token) as stream:
        cursor = (await stream.next())["id"]
    other = await open_room(url, token)
    for room_id, bearer, last, status, code in (
        (own, "", "", 401, "bad_token"),
        (own, "nonsense", "", 401, "bad_token"),
        (own, viewer, "", 403, "not_allowed"),
        ("nowhere", token, "", 404, "unknown_room"),
        (own, token, "nonsense", 400, "bad_request"),
        (own, token, cursor[:-6] + "AAAAAA", 400, "bad_request"),
        (other, token, cursor, 400, "bad_request"),
    ):
        async with streaming(url, room_id, bearer, last) as stream:
            problem = json.loads(await stream.rest())
            assert stream.response.headers["content-type"] == "application/problem+json"
        assert (stream.response.status_code, problem["code"]) == (status, code)


async def test_a_stream_ends_with_its_token(server: Server, room: Room) -> None:
    url, data = server["url"], server["data"]
    async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
        found = (await http.get(f"/v1/rooms/{room[0]}")).json()["creator"]
    brief = mint(load_secret(data / "secret.key"), found["id"], found["name"], "creator", 3)
    async with streaming(url, room[0], brief) as stream:
        assert (await stream.next())["message"]["type"] == "subscribed"
        assert await stream.rest() == ""


async def test_a_cursor_on_the_websocket_opens_its_own_room_only(server: Server, room: Room) -> None:
    url, (own, token) = server["url"], room
    other = await open_room(url, token)
    viewer, _ = await login(url, "Ann")
    async with wire(url, token) as creator, wire(url, viewer) as ann:
        answer = await creator.ask("subscribe", room=own, feed="creator")
        since = {"epoch": answer["epoch"], "offset": answer["offset"], "cursor": answer["cursor"]}
        for room_id, cursor in ((other, answer["cursor"]), (own, "nonsense"), (own, answer["cursor"][:-4])):
            refused = await creator.ask("subscribe", room=room_id, feed="creator", since=since | {"cursor": cursor})
            assert refused["error"]["code"] == "bad_request"
        # The feed that was live goes on.
        receipt = await ann.gift(own)
        frame = await creator.push("room", among="gift")
        assert [event["event_id"] for event in frame["events"]] == [receipt["event_id"]]
        assert frame["cursor"] != answer["cursor"]
        again = await creator.ask("subscribe", room=own, feed="creator", since=since)
        assert again["recovered"]
        gifts = [event["event_id"] for event in again["events"] if event["type"] == "gift"]
        assert gifts == [receipt["event_id"]]


async def test_a_stream_ends_before_a_drain(serving: Callable[..., Serving], data: Path) -> None:
    server = serving(data, "--demo")
    url = server.wait_ready()["url"]
    token, _ = await login(url, "Luna", "creator")
    async with streaming(url, await open_room(url, token), token) as stream:
        assert (await stream.next())["message"]["type"] == "subscribed"
        server.process.send_signal(signal.SIGTERM)
        assert await stream.rest() == ""
    assert await asyncio.to_thread(server.process.wait, 10) == 0
    errors = [json.loads(line) for line in server.errors.read_text().splitlines()]
    assert [line for line in errors if line.get("level") == "error"] == []
