"""A process full of followers: viewers that cost little and still keep book of every offset, total and repeat.

``python -m loadtests.following`` reads a plan as one line of JSON, joins, and says ``joined``. Then it answers words,
a line each: ``begin`` (meter from now), ``hold`` and ``free`` (the slow read slowly and the stuck not at all, or all
read again), ``told`` (what has come since) and ``places`` (where everybody stands). It leaves at the end of stdin.

Each distinct frame is read once, for all viewers of a room are sent the same bytes; what is left for each of them is
to compare two numbers. A follower that loses its connection comes back, with ``since``, as anybody would.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, TypedDict

import uvloop
from livegift_client.events import GiftEvent, Totals
from livegift_client.messages import AnyMessage, Connected, Error, Reconnect, RoomFrame, SnapshotPush, Subscribed
from livegift_client.reading import decode

from loadtests.follower import Follower, Placed
from loadtests.open_files import raise_open_files
from loadtests.vitals import Vitals

JOINS_AT_ONCE = 32
JOIN_S = 120.0
PAGES_MAX = 4_096
IDS_MAX = 40_000
"""Events of a room that are remembered, so that one told otherwise to another viewer is found."""
STEP_S = 0.05
READ_SHARE = 0.1
"""Share of an honest follower's bytes that a slow one reads."""
KEY_BYTES = 160
"""Of a frame, enough to name its room, epoch and offset; with its length and its end that tells frames apart."""

Kind = Literal["honest", "slow", "stuck"]


class FollowPlan(TypedDict):
    """Who follows what, and how: tokens, rooms by number, and kinds. ``timed_every``: one of so many notes times."""

    host: str
    port: int
    rooms: list[str]
    people: list[tuple[str, int, Kind]]
    timed_every: int


class Told(TypedDict):
    """What a process has counted since it joined; ``pages`` only since it was last asked.

    ``pages``: (room, epoch, first offset, event ids, times in ms on the monotonic clock at which timed ones saw them).
    ``snapshots``: by kind, how many were given at least one in place of events. ``frames_per_s`` and ``bytes_per_s``:
    the busiest follower's since ``begin``.
    """

    followers: int
    live: int
    events: int
    sightings: int
    holes: int
    doubled: int
    contradictions: int
    reconnects: int
    snapshots: dict[str, int]
    frames_per_s: float
    bytes_per_s: float
    pages: list[tuple[str, str, int, list[str], list[float]]]
    cpu_share: float
    lag_p99_ms: float
    is_limited: bool


@dataclass(slots=True)
class Page:
    """A frame with events as it was read once.

    ``sightings``: its gift events; ``coins`` and ``gifts``: what they add to a room's totals.
    """

    room: str
    epoch: str
    first: int
    last: int
    ids: list[str]
    totals: Totals | None
    sightings: int
    coins: int
    gifts: int
    times_ms: list[float] = field(default_factory=list)
    is_told: bool = False


class Library:
    """Frames by their bytes, and every room's events by offset: the same offset must say the same to everybody."""

    def __init__(self) -> None:
        self.pages: dict[tuple[bytes, bytes, int], Page] = {}
        self.fresh: list[Page] = []
        self.contradictions = 0
        self._ids: dict[tuple[str, str], dict[int, str]] = {}

    def page(self, payload: bytes) -> Page | AnyMessage | None:
        """Return the page of a room's frame; any other message as it is."""
        key = (payload[:KEY_BYTES], payload[-KEY_BYTES:], len(payload))
        page = self.pages.get(key)
        if page is not None:
            return page
        message = decode(payload)
        if not isinstance(message, RoomFrame) or not message.events:
            return message
        if len(self.pages) >= PAGES_MAX:
            self.pages.clear()
        page = self.pages[key] = self.read(message)
        return page

    def read(self, message: RoomFrame | Subscribed) -> Page:
        """Enter the events of a message, of which there must be some."""
        gifts = [event for event in message.events if isinstance(event, GiftEvent)]
        ids = [getattr(event, "event_id", f"other {event.offset}") for event in message.events]
        page = Page(
            message.room,
            message.epoch,
            message.events[0].offset,
            message.events[-1].offset,
            ids,
            message.totals,
            len(gifts),
            sum(gift.coins for gift in gifts),
            sum(gift.count for gift in gifts),
        )
        known = self._ids.setdefault((message.room, message.epoch), {})
        if len(known) > IDS_MAX:
            for offset in list(known)[: IDS_MAX // 2]:
                del known[offset]
        for event, event_id in zip(message.events, ids, strict=True):
            self.contradictions += known.setdefault(event.offset, event_id) != event_id
        if page.last - page.first + 1 != len(ids):
            self.contradictions += 1
        self.fresh.append(page)
        return page

    def told(self) -> list[tuple[str, str, int, list[str], list[float]]]:
        """Return the pages that are new, or were seen again by somebody who notes times, since the last call."""
        pages, self.fresh = self.fresh, []
        told = []
        for page in pages:
            told.append((page.room, page.epoch, page.first, page.ids, page.times_ms))
            page.times_ms, page.is_told = [], True
        return told


class Party:
    """All followers of this process."""

    def __init__(self, plan: FollowPlan, tasks: asyncio.TaskGroup) -> None:
        self.tasks = tasks
        self.library = Library()
        self.events = self.sightings = self.holes = self.doubled = self.reconnects = 0
        self.is_over = False
        self.begun_s = 0.0
        self.followers = [
            Follower(
                self,
                (plan["host"], plan["port"]),
                token,
                plan["rooms"][room],
                kind,
                is_timed=kind == "honest" and number % plan["timed_every"] == 0,
            )
            for number, (token, room, kind) in enumerate(plan["people"])
        ]
        self.honest = next((one for one in self.followers if one.kind == "honest"), None)

    def take(self, follower: Follower, payload: bytes) -> None:
        """Let a follower take one message of the server's."""
        found = self.library.page(payload)
        match found:
            case Page():
                self._turn(follower, found)
            case Subscribed():
                self._subscribed(follower, found)
            case SnapshotPush():
                follower.put(Placed(found.epoch, found.offset), found.snapshot.totals)
                follower.snapshots += 1
            case Connected():
                follower.subscribe()
            case Reconnect():
                follower.come_back(after_ms=found.after_ms)
            case Error():
                follower.come_back(after_ms=found.error.retry_after_ms or 1_000)

    def _turn(self, follower: Follower, page: Page) -> None:
        if not follower.is_live:
            return  # it waits for the answer to its subscribe, which stands at or after this frame
        place = follower.place
        if page.epoch == place.epoch:  # a new epoch may begin anywhere: what it leaves out, totals will show
            self.holes += page.first > place.offset + 1
            self.doubled += page.first <= place.offset
        self.events += len(page.ids)
        self.sightings += page.sightings
        follower.put(Placed(page.epoch, page.last), page.totals or follower.totals)
        if follower.is_timed:
            if page.is_told and not page.times_ms:
                self.library.fresh.append(page)
            page.times_ms.append(time.monotonic() * 1_000)

    def _subscribed(self, follower: Follower, message: Subscribed) -> None:
        if message.snapshot is not None:
            follower.snapshots += follower.place.epoch != ""
            follower.put(Placed(message.epoch, message.offset), message.snapshot.totals)
        elif message.events:
            page = self.library.read(message)
            if page.epoch != follower.place.epoch or page.first != follower.place.offset + 1:
                self.holes += 1
            self.events += len(page.ids)
            self.sightings += page.sightings
            old = follower.totals
            sums = Totals(old.coins + page.coins, old.gifts + page.gifts, old.senders)
            follower.put(Placed(message.epoch, message.offset), sums)
        elif (message.epoch, message.offset) != follower.place:
            self.holes += 1
        follower.let_in()

    def begin(self) -> None:
        """Meter from now."""
        self.begun_s = time.monotonic()
        for follower in self.followers:
            follower.frames = follower.bytes = 0

    async def hold_back(self) -> None:
        """Let the slow read a tenth of what an honest one reads, and the stuck nothing, until cancelled."""
        start = self.honest.taken if self.honest else 0
        slow = {one: one.taken for one in self.followers if one.kind == "slow"}
        for follower in self.followers:
            if follower.kind == "stuck":
                follower.allow(0)
        while True:
            allowance = READ_SHARE * ((self.honest.taken if self.honest else 0) - start)
            for follower, had in slow.items():
                follower.allow(had + allowance)
            await asyncio.sleep(STEP_S)

    def free(self) -> None:
        """Let everybody read all there is."""
        for follower in self.followers:
            if follower.kind != "honest":
                follower.widen()
                follower.allow(None)

    def told(self, vitals: Vitals) -> Told:
        """Return what there is to tell."""
        took_s = max(1e-3, time.monotonic() - self.begun_s)
        snapshots: Counter[str] = Counter(one.kind for one in self.followers if one.snapshots)
        lag_ms = vitals.lag.percentile(0.99) or 0.0
        return Told(
            followers=len(self.followers),
            live=sum(one.is_live for one in self.followers),
            events=self.events,
            sightings=self.sightings,
            holes=self.holes,
            doubled=self.doubled,
            contradictions=self.library.contradictions,
            reconnects=self.reconnects,
            snapshots=dict(snapshots),
            frames_per_s=max((one.frames for one in self.followers), default=0) / took_s,
            bytes_per_s=max((one.bytes for one in self.followers), default=0) / took_s,
            pages=self.library.told(),
            cpu_share=vitals.cpu_share,
            lag_p99_ms=lag_ms,
            is_limited=vitals.is_limited,
        )

    def places(self) -> dict[str, dict[str, int]]:
        """Return, of each room, how many stand where, with which sums of coins and gifts."""
        rooms: dict[str, Counter[str]] = {}
        for one in self.followers:
            where = f"{one.place.epoch} {one.place.offset} {one.totals.coins} {one.totals.gifts}"
            rooms.setdefault(one.room, Counter())[where] += 1
        return {room: dict(found) for room, found in rooms.items()}


async def follow() -> None:
    """Do as stdin says."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=1 << 28)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    plan: FollowPlan = json.loads(await lines.readline())
    vitals, over = Vitals(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        party = Party(plan, tasks)
        async with asyncio.timeout(JOIN_S):
            for start in range(0, len(party.followers), JOINS_AT_ONCE):
                crowd = party.followers[start : start + JOINS_AT_ONCE]
                await asyncio.gather(*(follower.join() for follower in crowd))
        _say("joined")
        holding: asyncio.Task[None] | None = None
        tasks.create_task(vitals.watch(over))
        while word := (await lines.readline()).strip().decode():
            match word:
                case "begin":
                    party.begin()
                    _say("begun")
                case "hold":
                    holding = tasks.create_task(party.hold_back())
                    _say("held")
                case "free":
                    assert holding is not None
                    holding.cancel()
                    party.free()
                    _say("freed")
                case "places":
                    _say(party.places())
                case _:
                    _say(party.told(vitals))
        over.set()
        if holding is not None:
            holding.cancel()
        party.is_over = True
        for follower in party.followers:
            follower.leave()


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    raise_open_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(follow())
