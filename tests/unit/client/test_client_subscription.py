import asyncio
from collections.abc import Callable

import pytest
from livegift_client.errors import Closed, OutcomeUnknown, Refused
from livegift_client.events import AnyEvent, FeedKind, RoomClosed, Totals
from livegift_client.feed import Feed, Restored
from livegift_client.receipt import Receipt
from livegift_client.subscription import Subscription


def event(offset: int) -> AnyEvent:
    return RoomClosed(offset=offset, event_id=f"k{offset}", totals=Totals(0, 0, 0))


class Held:
    """What the subscription asked of the network."""

    def __init__(self) -> None:
        self.now = False

    def __call__(self, reader: object, is_held: bool) -> None:
        self.now = is_held


def subscription(
    feed: FeedKind = "viewer", *, hold_back: Callable[[object, bool], None], items_max: int = 4
) -> Subscription:
    followed = Feed("r", feed)
    followed.epoch = "1"
    return Subscription(
        followed, start=lambda it: None, stop=lambda it: it.ended(None), hold_back=hold_back, items_max=items_max
    )


async def test_events_are_read_in_order_and_the_iteration_ends_with_the_subscription() -> None:
    events = subscription(hold_back=Held())
    events.deliver(events.feed, [event(1), event(2)])
    events.ended(None)
    assert [item.offset async for item in events] == [1, 2]


async def test_a_slow_readers_viewer_feed_becomes_one_snapshot_at_the_bound() -> None:
    events = subscription(hold_back=Held())
    events.deliver(events.feed, [event(1), event(2), event(3)])
    events.feed.offset = 4
    events.deliver(events.feed, [event(4)])
    events.deliver(events.feed, [event(5)])
    events.ended(None)
    items = [item async for item in events]
    assert isinstance(items[0], Restored)
    assert [item.offset for item in items] == [4, 5]


async def test_a_slow_readers_creator_feed_holds_back_the_network_and_loses_nothing() -> None:
    held = Held()
    events = subscription("creator", hold_back=held)
    events.deliver(events.feed, [event(number) for number in range(5)])
    assert held.now
    reader = aiter(events)
    taken = [(await anext(reader)).offset for _ in range(3)]
    assert held.now
    taken.append((await anext(reader)).offset)
    assert not held.now
    assert taken == [0, 1, 2, 3]


async def test_a_refused_room_raises_at_the_reader() -> None:
    events = subscription(hold_back=Held())
    events.ended(Refused("unknown_room", "There is no such room."))
    with pytest.raises(Refused, match="unknown_room"):
        await anext(aiter(events))


async def test_a_receipt_resolves_at_accepted_and_then_at_settled() -> None:
    seen: list[str] = []
    receipt = Receipt("g", lambda it: seen.append(it.state))
    receipt.note_accepted(event_id="k1", balance=9, replayed=False)
    assert (await receipt.accepted()).event_id == "k1"
    receipt.note_accepted(event_id="k2", balance=9, replayed=False)
    receipt.note_settled("k2")
    assert (await receipt.settled()).event_id == "k2"
    assert seen == ["accepted", "accepted", "settled"]


async def test_a_failed_receipt_raises_at_both_stages_and_at_none_if_nobody_waits() -> None:
    Receipt("unwatched").note_failed(Closed(4409, "kicked"))
    receipt = Receipt("g")
    receipt.note_failed(OutcomeUnknown("g", "15 minutes"))
    for stage in (receipt.accepted, receipt.settled):
        with pytest.raises(OutcomeUnknown):
            await stage()


async def test_one_who_stops_waiting_does_not_spoil_it_for_others() -> None:
    receipt = Receipt("g")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(receipt.accepted(), 0)
    receipt.note_accepted(event_id="k1", balance=9, replayed=False)
    assert (await receipt.accepted()).balance == 9
