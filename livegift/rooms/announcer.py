"""Telling rooms what the book has taken: one ``announce.lua`` call a room, in order, fed from SQL where it lacks.

A room that does not answer stands in nobody's way: it is *behind*, and is fed from the book when it answers again.
Every call is safe to repeat; the room's own marks drop what it knows.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import structlog
from redis.exceptions import RedisError

from livegift.clock import now_ms
from livegift.domain.identity import pseudonym
from livegift.engine import Arg, Call, Client, Script, faults
from livegift.errors import Fault
from livegift.rooms.facts import gift_fact
from livegift.rooms.keys import RoomKeys
from livegift.store.events import SettledEvent
from livegift.store.flusher_book import FlusherBook
from livegift.wire.folds import ComboFact

CALL_EVENTS_MAX = 200
FEED_EVENTS_MAX = 500
PUBLISH_FED_MS = 30_000
"""While a room is fed, only events younger than this are published; the rest is in the snapshot that follows."""
COMBOS_ENDED_MAX = 200

_announce = Script("livegift.rooms", "announce")
_end_combos = Script("livegift.rooms", "end_combos")
_close_room = Script("livegift.rooms", "close_room")
_json = msgspec.json.Encoder()

log = structlog.get_logger(__name__)


class Standing(NamedTuple):
    """How some rooms stand in the engine."""

    stateless: list[str]
    lagging: list[str]
    closed: set[str]
    """Those that say that they are closed."""


class Announcer:
    """Folds settled gifts into rooms, feeds rooms from the book, ends combos, closes rooms."""

    def __init__(
        self,
        client: Client,
        keys: RoomKeys,
        book: FlusherBook,
        *,
        secret: bytes,
        incarnation: int,
        combo_window_ms: int,
        history_frames_max: int,
    ) -> None:
        self._client = client
        self._keys = keys
        self._book = book
        self._secret = secret
        self._incarnation = incarnation
        self._combo_window_ms = combo_window_ms
        self._history_frames_max = history_frames_max
        self.behind: set[str] = set()
        """Rooms that lack something; they are fed, not announced to, until they have it."""
        self._with_combos: dict[str, int] = {}
        """Rooms that may have open combos, with a count of their announcements: one that came while the sweeper
        was asking must not be forgotten."""

    # --- announcing ---

    async def announce(self, events: Sequence[SettledEvent]) -> None:
        """Announce gifts just settled, each room's in order; never raises for a room: it is then behind."""
        rooms: dict[str, list[SettledEvent]] = {}
        for event in events:
            rooms.setdefault(event.entry.room_id, []).append(event)
        calls: list[Call] = []
        named: list[str] = []
        for room_id, own in rooms.items():
            if room_id in self.behind:
                continue
            for start in range(0, len(own), CALL_EVENTS_MAX):
                calls.append(self._call(room_id, own[start : start + CALL_EVENTS_MAX]))
                named.append(room_id)
        try:
            replies = await _announce.run_many(self._client, calls) if calls else []
        except Fault as fault:
            log.warning("rooms_behind", rooms=len(set(named)), why=str(fault))
            self.behind |= set(named)
            return
        for room_id, reply in zip(named, replies, strict=True):
            if isinstance(reply, RedisError):
                log.error("room_refuses", room=room_id, why=str(reply))
            if isinstance(reply, RedisError) or reply[0] != b"ok" or reply[4]:
                self.behind.add(room_id)
            else:
                self._note_combos(room_id)

    def _call(
        self,
        room_id: str,
        events: Sequence[SettledEvent],
        *,
        feeding: bool = False,
        publish_from_ms: int = 0,
        create: dict[int, int] | None = None,
    ) -> Call:
        args: list[Arg] = [self._keys.channel(room_id), self._combo_window_ms, self._history_frames_max]
        args += [publish_from_ms, int(feeding), "0" if create is None else "create", len(events)]
        for event in events:
            args += self._event_args(event)
        for p, earned in (create or {}).items():
            args += [p, earned]
        return self._keys.all(room_id), args

    def _event_args(self, event: SettledEvent) -> list[Arg]:
        e = event.entry
        fact = gift_fact(event, secret=self._secret, incarnation=self._incarnation)
        combo_key, combo_fact = "", b""
        if fact.sender is not None and e.streakable:
            combo_key = f"{e.sender_id} {e.gift_id} {e.receiver_id}"
            combo_fact = _json.encode(ComboFact(fact.sender, fact.receiver, fact.gift))
        who = f"u{e.sender_id}"
        if e.anonymous:
            who = "a" + pseudonym(self._secret, room_id=e.room_id, user_id=e.sender_id)
        return [
            *(event.partition, event.seq, event.prev, event.ts_ms, fact.event_id, e.coins, e.count, event.earned),
            *(who, e.sender_name, combo_key, _json.encode(fact), combo_fact),
        ]

    # --- feeding from the book ---

    async def feed(self, room_id: str) -> bool:
        """Bring a room to what the book knows of it; tells whether it now is. Raises ``Fault`` if a part fails.

        A room without state is created. One whose engine was restarted goes on under a new epoch.
        """
        marks = await self._book.room_marks(room_id)
        reply = await self._announce_fed(room_id, [], feeding=False)
        if reply[0] == b"missing":
            create = await self._book.earned_before(room_id)
            reply = await self._announce_fed(room_id, [], feeding=bool(marks), create=create)
        while True:
            stands = await self._marks_of(room_id)
            if all(stands.get(p, 0) >= seq for p, seq in marks.items()):
                break
            events = await self._book.room_gifts(room_id, stands, limit=FEED_EVENTS_MAX)
            if not events:
                raise AssertionError(f"room {room_id} stands at {stands}, the book at {marks}, and has no gift between")
            for start in range(0, len(events), CALL_EVENTS_MAX):
                reply = await self._announce_fed(room_id, events[start : start + CALL_EVENTS_MAX], feeding=True)
                if reply[0] != b"ok" or reply[4]:
                    return False
        await self._announce_fed(room_id, [], feeding=False)
        self._note_combos(room_id)
        return True

    async def _announce_fed(
        self, room_id: str, events: Sequence[SettledEvent], *, feeding: bool, create: dict[int, int] | None = None
    ) -> list[Any]:
        since = now_ms() - PUBLISH_FED_MS
        keys, args = self._call(room_id, events, feeding=feeding, publish_from_ms=since, create=create)
        return await _announce.run(self._client, keys, args)

    async def _marks_of(self, room_id: str) -> dict[int, int]:
        async with faults():
            state: Any = await self._client.hgetall(self._keys.all(room_id)[0])
        return {int(field[2:]): int(value) for field, value in state.items() if field.startswith(b"m:")}

    async def feed_behind(self) -> list[str]:
        """Try all rooms that are behind; returns those that have caught up."""
        caught_up = []
        for room_id in sorted(self.behind):
            try:
                if await self.feed(room_id):
                    self.behind.discard(room_id)
                    caught_up.append(room_id)
            except Fault as fault:
                log.info("room_still_behind", room=room_id, why=str(fault))
            except RedisError as error:
                # Its keys hold what we did not write: gone, and filled from the book at the next try.
                log.error("room_state_dropped", room=room_id, why=str(error))
                async with faults():
                    await self._client.unlink(*self._keys.all(room_id))
        return caught_up

    async def lacking(self, room_ids: Iterable[str], marks: dict[str, dict[int, int]], owner: str) -> Standing:
        """Tell which rooms have no whole state of this owner's, and which are behind these marks; one round trip.

        Rooms with open combos are noted on the way: an announcer that has just begun knows of none.
        """
        names = list(room_ids)
        async with faults(), self._client.pipeline(transaction=False) as pipe:
            for room_id in names:
                state_key, *_, due_key, _ = self._keys.all(room_id)
                pipe.hgetall(state_key)
                pipe.zcard(due_key)
            found = await pipe.execute()
        standing = Standing([], [], set())
        for room_id, state, open_combos in zip(names, found[::2], found[1::2], strict=True):
            if open_combos:
                self._note_combos(room_id)
            if state.get(b"owner") != owner.encode() or state.get(b"feeding") == b"1":
                standing.stateless.append(room_id)
            elif any(int(state.get(b"m:%d" % p, 0)) < seq for p, seq in marks.get(room_id, {}).items()):
                standing.lagging.append(room_id)
            if b"closed" in state:
                standing.closed.add(room_id)
        return standing

    # --- combos and closing ---

    def _note_combos(self, room_id: str) -> None:
        self._with_combos[room_id] = self._with_combos.get(room_id, 0) + 1

    async def end_combos(self, caught_up_ms: dict[int, int]) -> int:
        """End every combo whose window has passed; returns how many ended."""
        asked = {room: turn for room, turn in self._with_combos.items() if room not in self.behind}
        rooms = list(asked)
        pairs: list[Arg] = [value for pair in caught_up_ms.items() for value in pair]
        calls: list[Call] = [
            (
                self._keys.all(room_id),
                [self._keys.channel(room_id), self._history_frames_max, COMBOS_ENDED_MAX, *pairs],
            )
            for room_id in rooms
        ]
        ended = 0
        for room_id, reply in zip(rooms, await _end_combos.run_many(self._client, calls) if calls else [], strict=True):
            if isinstance(reply, RedisError) or reply[0] == b"missing":
                self.behind.add(room_id)
                continue
            ended += int(reply[1])
            if int(reply[2]) == 0 and self._with_combos.get(room_id) == asked[room_id]:
                del self._with_combos[room_id]
        return ended

    async def close_room(self, room_id: str) -> bool:
        """Append ``room_closed`` once; tells whether it stands there now."""
        name = "closed-" + pseudonym(self._secret, room_id=room_id, user_id="")
        keys = self._keys.all(room_id)
        reply = await _close_room.run(self._client, keys, [self._keys.channel(room_id), self._history_frames_max, name])
        if reply[0] == b"missing":
            self.behind.add(room_id)
            return False
        return True

    async def forget(self, room_id: str) -> None:
        """Drop the state of a room that has been closed for long."""
        async with faults():
            await self._client.unlink(*self._keys.all(room_id), self._keys.viewers(room_id))
        self._with_combos.pop(room_id, None)
        self.behind.discard(room_id)
