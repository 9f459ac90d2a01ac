"""A room with more events than anybody can watch: viewers get snapshots, its creator everything, totals never lie."""

import asyncio

from livegift.hub.hub import Hub
from livegift.hub.meter import BURST_MS, Meter
from tests.hub_world import ROOM, Screen, Stored, hub_of
from tests.world import until

EVENTS_PER_S = 10
BURST = EVENTS_PER_S * BURST_MS // 1_000


def test_a_meter_lets_a_burst_and_then_the_rate_through() -> None:
    meter = Meter(EVENTS_PER_S)
    assert meter.admits(BURST, 1_000)
    assert not meter.admits(1, 1_000)
    assert not meter.admits(BURST, 1_050)
    assert meter.admits(1, 1_100)
    assert not meter.admits(1, 1_100)
    assert meter.admits(BURST, 1_100 + BURST_MS)


async def _turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_is_too_much_is_skipped_and_a_snapshot_follows() -> None:
    stored = Stored()
    hub = hub_of(stored, events_per_s=EVENTS_PER_S)
    running = asyncio.create_task(hub.run())
    viewer, creator = Screen(), Screen()
    await hub.join(viewer, ROOM, "viewer", None, 1)
    await hub.join(creator, ROOM, "creator", None, 1)
    hub.take(ROOM, stored.publish(BURST))
    await _turn()
    assert viewer.offsets() == creator.offsets() == ["@0", *range(1, BURST + 1)]
    stored.gate.clear()
    stored.asked.clear()
    hub.take(ROOM, stored.publish(BURST))
    await stored.asked.wait()
    hub.take(ROOM, stored.publish(BURST))  # comes while the state is being read
    await _turn()
    stored.gate.set()
    await until(lambda: viewer.messages[-1]["offset"] == 3 * BURST)
    assert f"@{2 * BURST}" in viewer.offsets()
    assert len(viewer.offsets()) < len(creator.offsets())
    assert creator.offsets() == ["@0", *range(1, 3 * BURST + 1)]
    running.cancel()


async def test_large_snapshots_come_less_often() -> None:
    stored = Stored()
    hub: Hub = hub_of(stored, events_per_s=EVENTS_PER_S)
    running = asyncio.create_task(hub.run())
    viewer = Screen()
    await hub.join(viewer, ROOM, "viewer", None, 1)
    hub.take(ROOM, stored.publish(BURST))
    await _turn()
    hub.take(ROOM, stored.publish(BURST))
    await until(lambda: viewer.offsets()[-1] == f"@{2 * BURST}")
    room = hub._rooms[ROOM]
    room.follow_at_ms += 200
    hub.take(ROOM, stored.publish(BURST))
    await _turn()
    assert room.is_following
    assert viewer.offsets()[-1] == f"@{2 * BURST}"
    await until(lambda: viewer.offsets()[-1] == f"@{3 * BURST}")
    running.cancel()
