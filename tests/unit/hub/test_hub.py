"""The hub's joins and catch-ups: whatever comes while a snapshot is being read, nobody has a hole or a double."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from livegift.errors import Unavailable
from livegift.hub.hub import Hub
from livegift.hub.pace import CHUNK_VIEWERS
from livegift.wire.messages import Since
from tests.hub_world import ROOM, Screen, Stored, hub_of
from tests.world import until


@pytest.fixture
async def stored() -> Stored:
    return Stored()


@pytest.fixture
async def hub(stored: Stored) -> AsyncIterator[Hub]:
    hub = hub_of(stored)
    running = asyncio.create_task(hub.run())
    yield hub
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def turn() -> None:
    """Let everything that is ready run."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_comes_while_a_snapshot_is_read_follows_it_once(hub: Hub, stored: Stored) -> None:
    stored.publish(3)
    stored.gate.clear()
    screen = Screen()
    join = asyncio.create_task(hub.join(screen, ROOM, "viewer", None, 1))
    await stored.asked.wait()
    hub.take(ROOM, stored.publish())
    hub.take(ROOM, stored.publish())
    stored.gate.set()
    await join
    hub.take(ROOM, stored.publish())
    await turn()
    assert screen.offsets() == ["@3", 4, 5, 6]


async def test_a_snapshot_newer_than_what_was_heard_is_not_followed_by_what_it_holds(hub: Hub, stored: Stored) -> None:
    first, second = Screen(), Screen()
    await hub.join(first, ROOM, "viewer", None, 1)
    late = [stored.publish(), stored.publish()]
    await hub.join(second, ROOM, "viewer", None, 1)
    for blob in [*late, stored.publish()]:
        hub.take(ROOM, blob)
    await turn()
    assert first.offsets() == ["@0", 1, 2, 3]
    assert second.offsets() == ["@2", 3]


async def test_who_comes_back_gets_what_was_missed_and_then_what_follows(hub: Hub, stored: Stored) -> None:
    stored.publish(4)
    screen = Screen()
    await hub.join(screen, ROOM, "viewer", Since("5", 2), 1)
    hub.take(ROOM, stored.publish())
    await turn()
    assert screen.messages[0]["recovered"]
    assert screen.messages[0]["totals"]["coins"] == 4
    assert screen.offsets() == [3, 4, 5]


async def test_a_lost_publication_is_filled_from_the_history(hub: Hub, stored: Stored) -> None:
    screen = Screen()
    await hub.join(screen, ROOM, "viewer", None, 1)
    stored.publish(2)
    hub.take(ROOM, stored.publish())
    await turn()
    assert screen.offsets() == ["@0", 1, 2, 3]


async def test_a_new_epoch_is_a_snapshot_for_everyone(hub: Hub, stored: Stored) -> None:
    screens = [Screen(), Screen()]
    for screen in screens:
        await hub.join(screen, ROOM, "viewer", None, 1)
    hub.take(ROOM, stored.publish())
    await turn()
    stored.epoch = "6"
    hub.take(ROOM, stored.publish())
    await turn()
    hub.take(ROOM, stored.publish())
    await turn()
    for screen in screens:
        assert screen.offsets() == ["@0", 1, "@2", 3]
        assert [message["epoch"] for message in screen.messages] == ["5", "5", "6", "6"]


async def test_a_slow_viewer_goes_on_after_its_snapshot_and_the_others_never_notice(hub: Hub, stored: Stored) -> None:
    slow, quick = Screen(), Screen()
    for screen in (slow, quick):
        await hub.join(screen, ROOM, "viewer", None, 1)
    slow.unsent = 1_000
    for _ in range(3):
        hub.take(ROOM, stored.publish())
        await turn()
    assert hub.lags(slow, (ROOM,))
    slow.unsent = 0
    stored.gate.clear()
    stored.asked.clear()
    catching_up = asyncio.create_task(hub.caught_up(slow, (ROOM,)))
    await stored.asked.wait()
    hub.take(ROOM, stored.publish())
    await turn()
    stored.gate.set()
    await catching_up
    hub.take(ROOM, stored.publish())
    await turn()
    assert quick.offsets() == ["@0", 1, 2, 3, 4, 5]
    assert slow.offsets() == ["@0", "@3", 4, 5]
    assert not hub.lags(slow, (ROOM,))


async def test_a_snapshot_that_could_not_be_read_is_read_again(hub: Hub, stored: Stored) -> None:
    slow = Screen()
    await hub.join(slow, ROOM, "viewer", None, 1)
    slow.unsent = 1_000
    hub.take(ROOM, stored.publish())
    await turn()
    slow.unsent = 0
    stored.fails = True
    with pytest.raises(Unavailable):
        await hub.caught_up(slow, (ROOM,))
    assert hub.lags(slow, (ROOM,))
    stored.fails = False
    await until(lambda: not hub.lags(slow, (ROOM,)))
    hub.take(ROOM, stored.publish())
    await turn()
    assert slow.offsets() == ["@0", "@1", 2]


async def test_who_leaves_while_a_snapshot_is_read_is_told_nothing(hub: Hub, stored: Stored) -> None:
    stored.gate.clear()
    screen = Screen()
    join = asyncio.create_task(hub.join(screen, ROOM, "viewer", None, 1))
    await stored.asked.wait()
    hub.leave(screen, ROOM)
    stored.gate.set()
    await join
    hub.take(ROOM, stored.publish())
    await turn()
    assert screen.messages == []


class Reading:
    """A reading that has been done and whose answer is still on its way; from then on others read at once."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._gate = stored.gate = asyncio.Event()
        stored.asked.clear()

    async def done(self) -> None:
        await self._stored.asked.wait()
        self._stored.gate = asyncio.Event()
        self._stored.gate.set()

    def arrives(self) -> None:
        self._gate.set()


async def test_a_snapshot_older_than_where_the_room_was_moved_meanwhile_is_read_again(hub: Hub, stored: Stored) -> None:
    first, second = Screen(), Screen()
    await hub.join(first, ROOM, "viewer", None, 1)
    stored.epoch = "6"
    stored.publish()
    reading = Reading(stored)
    join = asyncio.create_task(hub.join(second, ROOM, "viewer", None, 1))
    await reading.done()
    stored.publish(2)
    hub.take(ROOM, stored.publish())
    await turn()
    assert first.offsets() == ["@0", "@4"]
    reading.arrives()
    await join
    hub.take(ROOM, stored.publish())
    await turn()
    assert second.offsets() == ["@4", 5]
    assert first.offsets() == ["@0", "@4", 5]


async def test_who_is_let_in_while_everyone_is_being_given_a_snapshot_gets_it_too(hub: Hub, stored: Stored) -> None:
    first, second = Screen(), Screen()
    await hub.join(first, ROOM, "viewer", None, 1)
    stored.epoch = "6"
    stored.publish()
    joining = Reading(stored)
    join = asyncio.create_task(hub.join(second, ROOM, "viewer", None, 1))
    await joining.done()
    moving = Reading(stored)
    stored.publish(2)
    hub.take(ROOM, stored.publish())
    await moving.done()  # the history, which has nothing of the old epoch
    view = Reading(stored)
    moving.arrives()
    await view.done()
    joining.arrives()
    await join
    view.arrives()
    await turn()
    hub.take(ROOM, stored.publish())
    await turn()
    assert first.offsets() == ["@0", "@4", 5]
    assert second.offsets() == ["@1", "@4", 5]


async def test_a_slow_viewers_snapshot_older_than_where_the_room_was_moved_is_read_again(
    hub: Hub, stored: Stored
) -> None:
    slow, quick = Screen(), Screen()
    for screen in (slow, quick):
        await hub.join(screen, ROOM, "viewer", None, 1)
    slow.unsent = 1_000
    hub.take(ROOM, stored.publish())
    await turn()
    slow.unsent = 0
    stored.epoch = "6"
    stored.publish()
    reading = Reading(stored)
    catching_up = asyncio.create_task(hub.caught_up(slow, (ROOM,)))
    await reading.done()
    stored.publish(2)
    hub.take(ROOM, stored.publish())
    await turn()
    reading.arrives()
    await catching_up
    await until(lambda: not hub.lags(slow, (ROOM,)))
    hub.take(ROOM, stored.publish())
    await turn()
    assert quick.offsets() == ["@0", 1, "@5", 6]
    assert slow.offsets() == ["@0", "@5", 6]


async def test_what_is_heard_with_a_hole_while_the_first_viewer_joins_is_filled(hub: Hub, stored: Stored) -> None:
    screen = Screen()
    reading = Reading(stored)
    join = asyncio.create_task(hub.join(screen, ROOM, "viewer", None, 1))
    await reading.done()
    hub.take(ROOM, stored.publish())
    stored.publish()
    hub.take(ROOM, stored.publish())
    reading.arrives()
    await join
    hub.take(ROOM, stored.publish())
    await turn()
    assert screen.offsets() == ["@0", 1, 2, 3, 4]


async def test_a_large_rooms_pass_leaves_turns_to_other_rooms(hub: Hub, stored: Stored) -> None:
    crowd, other = [Screen() for _ in range(4 * CHUNK_VIEWERS)], Screen()
    for screen in crowd:
        await hub.join(screen, ROOM, "viewer", None, 1)
    await hub.join(other, "r2", "viewer", None, 1)
    blob = stored.publish()
    hub.take(ROOM, blob)
    hub.take("r2", blob)
    for _ in range(3):
        await asyncio.sleep(0)
    assert other.offsets() == ["@0", 1]
    assert sum(screen.offsets() == ["@0", 1] for screen in crowd) <= 3 * CHUNK_VIEWERS
    hub.take(ROOM, stored.publish())
    await turn()
    assert all(screen.offsets() == ["@0", 1, 2] for screen in crowd)


async def test_large_rooms_take_turns(hub: Hub, stored: Stored) -> None:
    crowds = {room: [Screen() for _ in range(2 * CHUNK_VIEWERS)] for room in (ROOM, "r2", "r3")}
    for room, crowd in crowds.items():
        for screen in crowd:
            await hub.join(screen, room, "viewer", None, 1)
    blob = stored.publish()
    for room in crowds:
        hub.take(room, blob)
    told = [0]
    while told[-1] < 3 * 2 * CHUNK_VIEWERS:
        await asyncio.sleep(0)
        told.append(sum(screen.offsets() == ["@0", 1] for crowd in crowds.values() for screen in crowd))
        assert len(told) < 10
    assert max(after - before for before, after in pairwise(told)) == CHUNK_VIEWERS


async def test_the_first_events_of_a_burst_wait_for_the_others_where_many_watch(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livegift.hub.pace.GATHER_VIEWERS_PER_MS", 2)  # else a busy machine's pause is longer
    hub = hub_of(stored, tick_ms=1_500)
    crowd, alone = [Screen() for _ in range(300)], Screen()
    for screen in crowd:
        await hub.join(screen, ROOM, "viewer", None, 1)
    await hub.join(alone, "r2", "viewer", None, 1)
    first, second = stored.publish(), stored.publish()
    hub.take(ROOM, first)
    hub.take("r2", first)
    await asyncio.sleep(0)
    assert alone.offsets() == ["@0", 1]
    assert crowd[0].offsets() == ["@0"]
    hub.take(ROOM, second)
    await until(lambda: crowd[-1].offsets() == crowd[0].offsets() == ["@0", 1, 2])
    assert len(crowd[0].messages) == 2
