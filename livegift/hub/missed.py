"""What a creator's feed has missed beyond the history, as messages with running sums. Pure but for its reading.

The sums go on from the cursor's, and at the end of the last page they are the snapshot's. Should they not be, it is
logged as a bug of ours; the snapshot's are right, for they are the room's own.
"""

from collections.abc import AsyncIterator, Sequence

import structlog

from livegift.domain.cursor import Place
from livegift.hub.stored import Rooms
from livegift.wire.folds import MarkedFact, RoomView
from livegift.wire.messages import Missed, MissedGift, Sender, Session

log = structlog.get_logger(__name__)


def place_of(view: RoomView) -> Place:
    """Return the place at which a room was read."""
    return Place(view.epoch, view.offset, view.totals.coins, view.totals.gifts, view.marks)


async def missed_pages(rooms: Rooms, room_id: str, place: Place, view: RoomView) -> AsyncIterator[tuple[Missed, Place]]:
    """Yield what lies between a place and a room's state, and the place after each message.

    That place has marks of its own and no offset: between the pages the room was never as its creator sees it.
    """
    async for page in rooms.missed(room_id, place.marks, view.marks):
        events, place = _with_sums(page, place, view)
        yield Missed(room=room_id, events=events, cursor=rooms.seal(room_id, place)), place
    if (place.coins, place.gifts) != (view.totals.coins, view.totals.gifts):
        log.error("missed_gifts_do_not_add_up", room=room_id, place=str(place), totals=str(view.totals))


def _with_sums(page: Sequence[MarkedFact], place: Place, view: RoomView) -> tuple[list[MissedGift], Place]:
    coins, gifts, marks = place.coins, place.gifts, place.marks.copy()
    events = []
    for marked in page:
        fact = marked.fact
        coins, gifts, marks[marked.partition] = coins + fact.coins, gifts + fact.count, marked.seq
        sender = Sender(None, None, True, None)
        if fact.sender is not None:
            sender = Sender(fact.sender.id, fact.sender.name, False, None)
        events.append(
            MissedGift(
                # Points are credited 1:1 with coins: what is still to come is what all of them lack here.
                points_total=view.points - (view.totals.coins - coins),
                session=Session(coins, coins, gifts),
                event_id=fact.event_id,
                ts_ms=fact.ts_ms,
                sender=sender,
                receiver=fact.receiver,
                gift=fact.gift,
                count=fact.count,
                coins=fact.coins,
                points=fact.points,
                message=fact.message,
                test=fact.test,
            )
        )
    return events, Place("", 0, coins, gifts, marks)
