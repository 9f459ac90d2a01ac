"""A storm at the door: however many come at once, the stored room is read a handful of times, and nobody has a hole."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from livegift.errors import Unavailable
from livegift.hub.hub import EMPTY_LOOKS, Hub
from livegift.hub.room import RECENT_EVENTS_MAX
from livegift.wire.messages import Since
from tests.hub_world import ROOM, Screen, Stored, hub_of

CROWD = 500


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
    for _ in range(20):
        await asyncio.sleep(0)


async def enter(hub: Hub, screens: list[Screen], since: Since | None = None) -> None:
    await asyncio.gather(*(hub.join(screen, ROOM, "viewer", since, 1) for screen in screens))


async def test_who_come_back_to_a_room_in_memory_need_no_reading(hub: Hub, stored: Stored) -> None:
    first, crowd = Screen(), [Screen() for _ in range(CROWD)]
    await hub.join(first, ROOM, "viewer", None, 1)
    for _ in range(5):
        hub.take(ROOM, stored.publish())
        await turn()
    hub.leave(first, ROOM)
    stored.views = stored.histories = 0
    await enter(hub, crowd, Since("5", 3))
    hub.take(ROOM, stored.publish())
    await turn()
    assert (stored.views, stored.histories) == (0, 0)
    assert all(screen.offsets() == [4, 5, 6] for screen in crowd)
    assert all(screen.messages[0]["recovered"] for screen in crowd)
    assert all(screen.messages[0]["totals"]["coins"] == 5 for screen in crowd)


async def test_who_come_back_in_the_middle_of_a_pass_get_each_event_once(hub: Hub, stored: Stored) -> None:
    first, crowd = Screen(), [Screen() for _ in range(3)]
    await hub.join(first, ROOM, "viewer", None, 1)
    hub.take(ROOM, stored.publish())  # waits for the next turn of the loop
    await enter(hub, crowd, Since("5", 0))
    await turn()
    hub.take(ROOM, stored.publish())
    await turn()
    assert first.offsets() == ["@0", 1, 2]
    assert all(screen.offsets() == [1, 2] for screen in crowd)


async def test_a_crowd_of_new_viewers_shares_one_snapshot(hub: Hub, stored: Stored) -> None:
    stored.publish(3)
    stored.gate.clear()
    crowd = [Screen() for _ in range(CROWD)]
    entering = asyncio.create_task(enter(hub, crowd))
    await stored.asked.wait()
    hub.take(ROOM, stored.publish())
    stored.gate.set()
    await entering
    hub.take(ROOM, stored.publish())
    await turn()
    assert stored.views <= 2  # the first one's, and that of all who asked while it was read
    for screen in crowd:
        offsets = screen.offsets()
        assert offsets in (["@3", 4, 5], ["@4", 5])


async def test_a_room_that_nobody_knows_is_read_once_for_all_who_come_back(hub: Hub, stored: Stored) -> None:
    for _ in range(6):
        stored.publish()
    crowds = {since: [Screen() for _ in range(CROWD // 5)] for since in (5, 2, 4, 6, 3)}
    await asyncio.gather(*(enter(hub, crowd, Since("5", since)) for since, crowd in crowds.items()))
    hub.take(ROOM, stored.publish())
    await turn()
    assert (stored.views, stored.histories) <= (0, 2)
    for since, crowd in crowds.items():
        assert all(screen.offsets() == list(range(since + 1, 8)) for screen in crowd)


async def test_who_was_away_too_long_gets_a_snapshot_and_takes_nothing_from_the_others(
    hub: Hub, stored: Stored
) -> None:
    for _ in range(6):
        stored.publish()
    del stored.folds[:3]  # the history is capped
    old, strange, near = Screen(), Screen(), Screen()
    places = ((old, Since("5", 1)), (strange, Since("4", 5)), (near, Since("5", 4)))
    await asyncio.gather(*(hub.join(screen, ROOM, "viewer", since, 1) for screen, since in places))
    assert old.offsets() == ["@6"]
    assert strange.offsets() == ["@6"]
    assert near.offsets() == [5, 6]


async def test_who_has_seen_more_than_this_process_is_answered_from_the_history(hub: Hub, stored: Stored) -> None:
    first, ahead = Screen(), Screen()
    await hub.join(first, ROOM, "viewer", None, 1)
    late = [stored.publish(), stored.publish(), stored.publish()]
    await hub.join(ahead, ROOM, "viewer", Since("5", 2), 1)
    await turn()
    for blob in [*late, stored.publish()]:
        hub.take(ROOM, blob)
    await turn()
    assert ahead.offsets() == [3, 4]
    assert first.offsets() == ["@0", 1, 2, 3, 4]


async def test_a_reading_that_fails_fails_once_for_all(hub: Hub, stored: Stored) -> None:
    stored.gate.clear()
    first = asyncio.create_task(hub.join(Screen(), ROOM, "viewer", None, 1))
    await stored.asked.wait()
    stored.fails = True
    crowd = [asyncio.create_task(hub.join(Screen(), ROOM, "viewer", None, 1)) for _ in range(CROWD)]
    await turn()
    stored.gate.set()
    await first
    answers = await asyncio.gather(*crowd, return_exceptions=True)
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert stored.views == 2
    stored.fails = False
    screen = Screen()
    await hub.join(screen, ROOM, "viewer", None, 2)
    assert screen.offsets() == ["@0"]


async def test_what_was_read_too_long_ago_is_read_again(hub: Hub, stored: Stored) -> None:
    first, second = Screen(), Screen()
    await hub.join(first, ROOM, "viewer", None, 1)
    hub.take(ROOM, stored.publish())
    stored.gate.clear()
    stored.asked.clear()
    joining = asyncio.create_task(hub.join(second, ROOM, "viewer", None, 1))
    await stored.asked.wait()
    for _ in range(3):
        hub.take(ROOM, stored.publish(RECENT_EVENTS_MAX // 2))
    stored.gate.set()
    await joining
    assert second.offsets() == [f"@{stored.offset}"]


async def test_an_empty_room_is_remembered_for_a_while(hub: Hub, stored: Stored) -> None:
    first, back, late = Screen(), Screen(), Screen()
    await hub.join(first, ROOM, "viewer", None, 1)
    hub.leave(first, ROOM)
    for _ in range(EMPTY_LOOKS):
        await hub._drop_empty()
    stored.views = stored.histories = 0
    await hub.join(back, ROOM, "viewer", Since("5", 0), 1)
    assert stored.histories == 0
    hub.leave(back, ROOM)
    for _ in range(EMPTY_LOOKS + 1):
        await hub._drop_empty()
    await hub.join(late, ROOM, "viewer", Since("5", 0), 1)
    assert stored.histories == 1
