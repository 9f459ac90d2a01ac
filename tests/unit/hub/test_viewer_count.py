"""The number of viewers as a room's people are told it: live, seldom, and never in the way of what matters."""

from typing import Any

import pytest

from livegift.domain.headcount import estimate
from livegift.hub.room import TELL_ANYWAY_MS, TELL_MS, TELL_VIEWERS_PER_MS, Room
from tests.hub_world import ROOM, Screen, Stored, cursors, hub_of
from tests.unit.hub.test_hub import turn
from tests.unit.hub.test_room import flush, fold


class Person(Screen):
    """A viewer who may be somebody else's second tab."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    @property
    def person(self) -> str:
        return self.name


def told(screen: Screen) -> list[int]:
    return [message["viewers"] for message in screen.messages if message["type"] == "viewers"]


async def test_people_are_counted_and_tabs_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = Stored()
    hub = hub_of(stored)
    crowd = [Person(name) for name in ("ann", "ann", "ben", "cy")]
    for screen in crowd:
        await hub.join(screen, ROOM, "viewer", None, 1)
        await hub.join(screen, ROOM, "viewer", None, 2)  # asking again makes nobody two
    await hub._count()
    assert estimate([stored.samples[ROOM]]) == 3
    hub.leave(crowd[0], ROOM)
    hub.leave(crowd[3], ROOM)
    hub.leave(crowd[3], ROOM)
    await hub._count()
    assert estimate([stored.samples[ROOM]]) == 2


async def test_everybody_is_told_once_and_what_is_not_news_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    now: list[int] = [1_000_000]
    monkeypatch.setattr("livegift.hub.hub.monotonic_ms", lambda: now[0])
    stored = Stored()
    hub = hub_of(stored)
    crowd = [Screen() for _ in range(5)]
    for screen in crowd:
        await hub.join(screen, ROOM, "viewer", None, 1)

    async def count(viewers: int, after_ms: int) -> list[Any]:
        now[0] += after_ms
        stored.watching = viewers
        await hub._count()
        now[0] += 1_000  # the room's tick is over
        await turn()
        assert len({tuple(told(screen)) for screen in crowd}) == 1
        return told(crowd[0])

    assert await count(500, 0) == [500]
    assert await count(501, 10_000) == [500]  # not 2 %
    assert await count(600, 10_000) == [500, 600]
    assert await count(900, 0) == [500, 600]  # too soon
    assert await count(900, TELL_MS) == [500, 600, 900]
    assert await count(901, TELL_ANYWAY_MS) == [500, 600, 900, 901]
    assert await count(901, TELL_ANYWAY_MS) == [500, 600, 900, 901]
    hub.take(ROOM, stored.publish())
    await turn()
    assert [message["type"] for message in crowd[0].messages][-1] == "room"


def test_the_number_leaves_with_the_events_in_one_write_and_moves_nobody() -> None:
    room, screen = Room("r1", cursors.seal), Screen()
    room.epoch = "5"
    room.enter(screen, "viewer")
    writes: list[bytes] = []
    screen.write = writes.append  # type: ignore[method-assign]
    assert room.count(3, 10_000)
    room.take(fold(1, 2))
    assert flush(room) == 1
    assert (len(writes), room.offset) == (1, 2)
    assert writes[0].count(b'"type":"viewers"') == writes[0].count(b'"type":"room"') == 1
    assert flush(room) == 0  # once


def test_a_large_room_is_told_less_often() -> None:
    room = Room("r1", cursors.seal)
    room.feeds = {Screen(): "viewer" for _ in range(4_000)}  # type: ignore[dict-item]
    assert room.count(4_000, 100_000)
    wait_ms = TELL_MS + 4_000 // TELL_VIEWERS_PER_MS
    assert not room.count(8_000, 100_000 + wait_ms - 1)
    assert room.count(8_000, 100_000 + wait_ms)
