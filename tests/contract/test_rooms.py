"""Combos and closing in rooms, through the real announcer, also when the flusher is replaced in between."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livegift.clock import now_ms
from livegift.wire.messages import AnyEvent, ComboEnded, GiftEvent, RoomClosed
from tests.world import Heard, World, send, until


@pytest.fixture
async def world(valkey: str, tmp_path: Path, store: str) -> AsyncIterator[World]:
    world = await World.made(valkey, tmp_path, store=store, combo_window_ms=2_000)
    async with world.edge.running():
        yield world
    await world.close()


async def events_of(world: World, room_id: str) -> list[AnyEvent]:
    view = await world.reader.view(room_id)
    if view is None:
        return []
    history = await world.reader.since(room_id, view.epoch, 0)
    return [event for fold in history.folds for event in fold.events] if history else []


async def ended(world: World, room_id: str) -> list[ComboEnded]:
    return [event for event in await events_of(world, room_id) if isinstance(event, ComboEnded)]


async def test_repeats_within_the_window_are_one_combo_with_one_end(world: World) -> None:
    async with world.flushing():
        ann, room, heard = await world.person("Ann", 100), await world.room(), Heard()
        for count in (1, 2, 3):
            await world.edge.gifting.send_gift(send(ann, room, count=count), heard)
        await heard.wait_settled(3)
        await until(lambda: ended(world, room.id))
        await world.edge.gifting.send_gift(send(ann, room), heard)

        async def two_ends() -> bool:
            return len(await ended(world, room.id)) == 2

        await until(two_ends)
        gifts = [event for event in await events_of(world, room.id) if isinstance(event, GiftEvent)]
        ends = await ended(world, room.id)
    combos = [gift.combo for gift in gifts if gift.combo is not None]
    assert [(combo.total, combo.coins_total) for combo in combos] == [(1, 1), (3, 3), (6, 6), (1, 1)]
    assert len({combo.id for combo in combos}) == 2
    assert [(end.combo.total, end.event_id) for end in ends] == [(6, combos[0].id + ".end"), (1, combos[3].id + ".end")]


async def test_a_combo_left_open_by_a_dead_flusher_is_ended_by_the_next_one(world: World) -> None:
    async with world.flushing():
        ann, room, heard = await world.person("Ann", 100), await world.room(), Heard()
        await world.edge.gifting.send_gift(send(ann, room), heard)
        await until(lambda: events_of(world, room.id))
        await world.person("Ben", 5)  # its flush notes in the book that the room has seen everything
    assert await ended(world, room.id) == []
    async with world.flushing():
        await until(lambda: ended(world, room.id))


async def test_gifts_accepted_before_a_close_are_announced_after_it(world: World) -> None:
    async with world.flushing():
        ann, room, heard = await world.person("Ann", 100), await world.room(), Heard()
        await world.edge.gifting.send_gift(send(ann, room), heard)
        await heard.wait_settled(1)
    # The flusher is down: a gift is accepted, then the room closes.
    await world.edge.gifting.send_gift(send(ann, room, count=4), heard)
    await world.edge.book.close_room(room.id, now_ms())
    async with world.flushing():
        await heard.wait_settled(2)

        async def all_there() -> bool:
            events = await events_of(world, room.id)
            return sum(isinstance(event, GiftEvent) for event in events) == 2 and any(
                isinstance(event, RoomClosed) for event in events
            )

        await until(all_there)
        view = await world.reader.view(room.id)
        assert view is not None
        assert (view.closed, view.totals.gifts) == (True, 5)


async def test_a_closed_room_that_is_lost_says_again_that_it_closed(world: World) -> None:
    async def is_closed() -> bool:
        return any(isinstance(event, RoomClosed) for event in await events_of(world, room.id))

    room = await world.room()
    async with world.flushing():
        await world.edge.book.close_room(room.id, now_ms())
        await world.edge.gifting.rooms_have_news()
        await until(is_closed)
        await world.client.unlink(*world.room_keys.all(room.id))
        await until(is_closed)
