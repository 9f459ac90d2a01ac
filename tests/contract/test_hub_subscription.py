"""The hub's subscription on a real Valkey: whatever comes at once or fails first, every room that has viewers hears."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ConnectionError as EngineGone

from livegift.engine import Client, connect
from livegift.errors import Unavailable
from livegift.hub.hub import Hub
from livegift.hub.stored import Rooms
from tests.hub_world import Screen, Stored, cursors

PATIENCE_S = 5.0


@pytest.fixture
async def client(valkey: str) -> AsyncIterator[Client]:
    client = connect(valkey, timeout_ms=2_000)
    yield client
    await client.aclose()


@pytest.fixture
async def hub(client: Client) -> AsyncIterator[Hub]:
    stored = Stored()
    rooms = Rooms(
        channel=lambda room: f"hub-{room}",
        view=stored.view,
        since=stored.since,
        missed=stored.missed,
        positions=stored.positions,
        count_viewers=stored.count_viewers,
        viewers=stored.viewers,
        seal=cursors.seal,
    )
    hub = Hub(client, rooms, worker="w", tick_ms=0, buffer_bytes_max=100)
    running = asyncio.create_task(hub.run())
    yield hub
    running.cancel()
    await asyncio.wait([running])


async def heard_by(hub: Hub, client: Client, rooms: set[str], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Publish in these rooms and return in which of them the hub heard it."""
    heard: set[str] = set()
    everyone = asyncio.Event()

    def take(room_id: str, _: bytes) -> None:
        heard.add(room_id)
        if heard == rooms:
            everyone.set()

    monkeypatch.setattr(hub, "take", take)
    for room in rooms:
        await client.publish(f"hub-{room}", b"5 1 1 0 0\nx 1 0 0 0 e1")
    try:
        async with asyncio.timeout(PATIENCE_S):
            await everyone.wait()
    except TimeoutError:
        pass
    return heard


async def test_rooms_that_are_entered_at_once_are_all_heard(
    hub: Hub, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = {"a", "b", "c"}
    await asyncio.gather(*(hub.join(Screen(), room, "viewer", None, 1) for room in rooms))
    assert await heard_by(hub, client, rooms, monkeypatch) == rooms


async def test_a_room_whose_subscription_failed_is_heard_once_somebody_is_in(
    hub: Hub, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: str) -> None:
        raise EngineGone("the engine is away")

    with monkeypatch.context() as outage:
        outage.setattr(hub._subscription, "subscribe", gone)
        with pytest.raises(Unavailable):
            await hub.join(Screen(), "a", "viewer", None, 1)
    await hub.join(Screen(), "a", "viewer", None, 2)
    assert await heard_by(hub, client, {"a"}, monkeypatch) == {"a"}
