"""The steady scenario: rooms full of viewers, some of whom gift at a constant rate, and a verdict on every gift.

It makes its own people and rooms, so all that happens in these rooms is known. The server may be killed while it
runs: bots ride it out with the SDK, and nothing may be lost or doubled nonetheless.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from livegift_client import Api, Client, LivegiftError, Login, Receipt, Snapshot
from livegift_client.feed import Restored
from livegift_client.messages import RoomMessage

from loadtests.audit import Audited, audit
from loadtests.followers import Followers, Seat, following
from loadtests.following import Kind
from loadtests.histogram import Histogram
from loadtests.load import Load
from loadtests.load import Progress as Progress
from loadtests.mark import Mark
from loadtests.outcome import Measured, outcome
from loadtests.people import Bot, FrameCache, balances, briefly, join, log_in, open_rooms, patiently
from loadtests.provenance import provenance
from loadtests.report import Report
from loadtests.room_book import Viewer
from loadtests.schedule import Planned, plan
from loadtests.seen import SeenLedger, Verdict
from loadtests.server import Server
from loadtests.tally import Gift, Tally
from loadtests.timeline import Timeline
from loadtests.vitals import Vitals

SETTLE_WAIT_S = 10.0
"""After the last gift, for everything to settle."""
SEEN_WAIT_S = 8.0
"""After the last gift settled, for everybody to see it and every combo to end: its window of 5 s + 1 s, and 2 s."""
RETURN_WAIT_S = 30.0
"""After the last gift, for viewers who are reconnecting: what they missed can be judged once they are back."""
SNAPSHOT_WAIT_S = 10.0
SNAPSHOTS_AT_ONCE = 8
FAILURES_MAX = 20
FOLLOWERS_A_PERSON = 10
"""Each connection shows a token; people are made by HTTP, which would take most of the time."""


@dataclass(slots=True, kw_only=True)
class Steady(Load):
    """One run. ``senders`` of the ``viewers`` gift; everybody watches one of the ``rooms``.

    While it gifts it may be asked to ``mark`` a moment, and by ``finish`` to send no more. ``meanwhile``, of a scenario
    that does more, begins with the gifts; the run waits for it. Such a scenario may also want: ``others``, followers
    beside the viewers, by kind; senders who don't all watch; a rate that swings; a ``popularity`` of rooms, weights by
    which followers and gifts choose among them. A room always has a viewer who follows it by the SDK.
    """

    rooms: int
    is_audited: bool = True
    """Whether the books are audited at the end, where there is a data directory."""
    others: Mapping[Kind, int] = field(default_factory=dict)
    senders_watch: bool = True
    swing: float = 0.0
    popularity: Sequence[float] = ()
    apart: Mapping[str, range] = field(default_factory=dict)
    """Groups of rooms, by number, whose latencies are told apart."""
    seen: SeenLedger = field(default_factory=SeenLedger)
    tally: Tally = field(init=False)
    followers: Followers = field(init=False)
    server: Server = field(init=False)
    vitals: Vitals = field(default_factory=Vitals)
    timeline: Timeline = field(init=False)
    meanwhile: Callable[[], Coroutine[Any, Any, None]] | None = None
    failures: list[str] = field(default_factory=list)
    finish: asyncio.Event = field(default_factory=asyncio.Event)
    gifted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the last gift is sent."""
    bots: list[Bot] = field(default_factory=list)
    room_ids: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    measured: Measured = field(default_factory=Measured)
    start_ms: float | None = None
    """When the load began, on the monotonic clock."""
    planned: int = 0
    """Gifts whose time came."""

    def __post_init__(self) -> None:
        self.tally = Tally(self.seen)
        self.followers = Followers(self.seen)
        self.server = Server(None)
        self.timeline = Timeline(self._sums)

    async def run(self) -> Report:
        """Run and judge. Raises ``Unreachable`` or ``HttpFailed`` (perhaps in a group) if it can't even begin."""
        self.began(self)
        origin = await provenance(self.data)
        async with Api(self.url, proxy=False) as api:
            await briefly(api.catalogue)()
            self.server = await Server.of(self.data)
            creators = await log_in(api, (f"Creator {number + 1}" for number in range(self.rooms)), "creator")
            self.room_ids = await open_rooms(api, creators)
            logins = await log_in(api, (f"Viewer {number + 1}" for number in range(self._bots_count)))
            seats = await self._seats(api)
            before = await balances(api, logins[: self.senders])
            sends = self.plan(coins_each=min(before, default=0))
            verdict, reconnects = await self._watch_and_gift(logins, seats, sends)
            self.progress("comparing", 0, 1)
            await self._check_wallets(api, logins[: self.senders], before, verdict)
            await self._close_rooms(api, creators)
        audited: Audited | None = None
        if self.data is not None and self.is_audited:
            self.progress("auditing", 0, 1)
            audited = await audit(self.data)
            self.failures += audited.failures
        return outcome(self, verdict, audited, origin, reconnects=reconnects)

    def plan(self, *, coins_each: int) -> list[Planned]:
        """Return who sends what and when: given by the seed and what was asked for, whoever watches from wherever."""
        return plan(
            seed=self.seed,
            rate=self.rate,
            seconds=self.seconds,
            senders=self.senders,
            coins_each=coins_each,
            swing=self.swing,
            popularity=self.popularity,
        )

    @property
    def _bots_count(self) -> int:
        """How many live here: with followers elsewhere, those who gift, and one for each room."""
        return max(self.senders, self.rooms) if self.processes else self.viewers

    async def _seats(self, api: Api) -> list[Seat]:
        """Return who follows what elsewhere: the same for one seed, in an order that gives every process its share."""
        honest = self.viewers - self._bots_count if self.processes else 0
        chance = random.Random(self.seed)
        everywhere = range(self.rooms)
        rooms = chance.choices(everywhere, self.popularity, k=honest) if self.popularity else list(everywhere)
        seats: list[tuple[int, Kind]] = [(rooms[number % len(rooms)], "honest") for number in range(honest)]
        for kind, count in self.others.items():
            seats += [(number % self.rooms, kind) for number in range(count)]
        names = (f"Follower {number + 1}" for number in range(-(-len(seats) // FOLLOWERS_A_PERSON)))
        tokens = [login.token for login in await log_in(api, names)]
        return [(tokens[number // FOLLOWERS_A_PERSON], room, kind) for number, (room, kind) in enumerate(seats)]

    def mark(self, name: str) -> None:
        """Note this moment: the ``Mark`` will say when the next gift was seen that was sent after it."""
        if self.start_ms is not None:
            self.marks.append(Mark(name, _now_ms() - self.start_ms))

    async def _watch_and_gift(
        self, logins: list[Login], seats: list[Seat], sends: list[Planned]
    ) -> tuple[Verdict, int]:
        frames, gifted = FrameCache(), self.gifted
        self.bots = bots = [self._bot(login, at, frames) for at, login in enumerate(logins)]
        self._tell_apart()
        empty = self.server.usage()
        async with asyncio.TaskGroup() as group:
            try:
                await join(group, bots)
                spread = following(self.followers, self.url, self.room_ids, seats, processes=max(1, self.processes))
                async with spread:
                    self.measured.note_joined(empty, self.server.usage(), connections=len(bots) + len(seats))
                    await self._load(group, bots, sends)
                    verdict = await self._wait_for_the_end(bots)
                    await self._compare_snapshots(bots, verdict)
            finally:
                for event in (gifted, *(bot.over for bot in bots)):
                    event.set()
        return verdict, sum(bot.client.reconnects for bot in bots) + self.followers.reconnects

    async def _load(self, group: asyncio.TaskGroup, bots: list[Bot], sends: list[Planned]) -> None:
        """Gift as planned, and measure meanwhile."""
        await self.followers.ask()
        await self.followers.say("begin")
        before, deliveries = self.server.usage(), self.deliveries
        for watch in (self.vitals.watch, self.timeline.watch, self.server.watch, self.followers.watch):
            group.create_task(watch(self.gifted))
        if self.meanwhile is not None:
            group.create_task(self.meanwhile())
        began_s = asyncio.get_running_loop().time()
        await self._gift(bots, sends)
        await self.followers.ask()
        took_s = asyncio.get_running_loop().time() - began_s
        came, told = self.deliveries - deliveries, self.followers.told
        self.measured.note_gifted(before, self.server.usage(), deliveries=came, took_s=took_s, told=told)
        self.gifted.set()

    @property
    def deliveries(self) -> int:
        """Events that came to viewers so far, wherever they live."""
        return self.seen.deliveries + self.followers.events

    def _tell_apart(self) -> None:
        for name, numbers in self.apart.items():
            histogram = self.measured.apart.setdefault(name, Histogram())
            for number in numbers:
                self.seen.rooms[self.room_ids[number]].apart = histogram

    def _sums(self) -> dict[str, int]:
        return {
            "sent": len(self.tally.gifts),
            "settled": self.tally.settled,
            "seen": self.seen.sightings + self.followers.sightings,
            "joined": sum(len(bot.joins) for bot in self.bots),
        }

    def _bot(self, login: Login, person: int, frames: FrameCache) -> Bot:
        room = self.room_ids[person % self.rooms]
        if not self.senders_watch and self.rooms <= person < self.senders:
            return Bot(self.url, login, room, frames=frames, watches=False)
        observe = partial(self._observe, self.seen.viewer(room, person))
        return Bot(self.url, login, room, frames=frames, observe=observe)

    def _observe(self, viewer: Viewer, message: RoomMessage) -> None:
        now_ms = _now_ms()
        self.seen.observe(viewer, message, at_ms=now_ms)
        if self.marks and self.marks[-1].is_open:
            assert self.start_ms is not None
            for mark in self.marks:
                mark.note(sent_ms=self.seen.newest_planned_ms - self.start_ms, at_ms=now_ms - self.start_ms)

    async def _gift(self, bots: list[Bot], sends: list[Planned]) -> None:
        self.start_ms = start_ms = _now_ms()
        for planned in sends:
            if await self._is_over(within_ms=start_ms + planned.at_ms - _now_ms()):
                return
            self.planned += 1
            bot = bots[planned.sender]
            room = bot.room if planned.room is None else self.room_ids[planned.room]
            gift = Gift(planned, room, planned.sender, start_ms + planned.at_ms)
            try:
                bot.post(planned, partial(self._note, gift), room=room)
            except LivegiftError as error:
                self._fail(f"sender {planned.sender} could not send: {error}")
                continue
            self.tally.note_sent(gift, now_ms=_now_ms())
            self.progress("gifting", planned.index + 1, len(sends))

    async def _is_over(self, *, within_ms: float) -> bool:
        """Wait until it is time for the next gift; True if there shall be none."""
        if within_ms <= 0:
            await asyncio.sleep(0)  # who is late all the time must still hear the answers
        else:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_ms / 1_000):
                    await self.finish.wait()
        return self.finish.is_set()

    def _note(self, gift: Gift, receipt: Receipt) -> None:
        self.tally.note(gift, receipt, now_ms=_now_ms())

    async def _wait_for_the_end(self, bots: list[Bot]) -> Verdict:
        loop = asyncio.get_running_loop()
        ended_s = calm_s = settled_s = loop.time()
        while True:
            await asyncio.sleep(0.5)
            now_s = loop.time()
            self.progress("settling", min(int(now_s - ended_s), 10), 10)
            await self.followers.ask()
            away = sum(not bot.is_live for bot in bots) + self.followers.away
            if away and now_s - ended_s < RETURN_WAIT_S:
                calm_s = settled_s = now_s
                continue
            if self.tally.open and now_s - calm_s < SETTLE_WAIT_S:
                settled_s = now_s  # a gift that is done only now may still begin a combo
                continue
            verdict = await self._verdict()
            if verdict.is_clean or now_s - settled_s >= SEEN_WAIT_S:
                break
        if away:
            self._fail(f"{away} viewers were not back {RETURN_WAIT_S:.0f} s after the last gift")
        lost, failures = self.tally.findings()
        verdict.lost += lost
        self.failures += failures + verdict.failures
        self.failures += [f"a viewer's connection ended: {bot.gave_up}" for bot in bots if bot.gave_up][:3]
        return verdict

    async def _verdict(self) -> Verdict:
        verdict = self.seen.verdict()
        await self.followers.ask_places()
        self.followers.judge(verdict)
        return verdict

    async def _compare_snapshots(self, bots: list[Bot], verdict: Verdict) -> None:
        """Applying events must equal a fresh snapshot; with combos still open that can't be asked."""
        if verdict.combos_open:
            return
        gate = asyncio.Semaphore(SNAPSHOTS_AT_ONCE)
        watchers: dict[str, list[Bot]] = {}
        for bot in bots:
            if bot.watches:
                watchers.setdefault(bot.room, []).append(bot)

        async def compare(room: str, witnesses: list[Bot]) -> None:
            async with gate:
                snapshot = await self._fresh_snapshot(witnesses[0].login, room)
            if snapshot is None:
                self._fail(f"room {room}: no snapshot within {SNAPSHOT_WAIT_S:.0f} s")
                return
            wrong = sum(_figures(bot.feed.state.snapshot()) != _figures(snapshot) for bot in witnesses)
            if wrong:
                self._fail(f"room {room}: {wrong} viewers' folded state differs from a fresh snapshot")

        async with asyncio.TaskGroup() as group:
            for room, witnesses in watchers.items():
                group.create_task(compare(room, witnesses))

    async def _fresh_snapshot(self, login: Login, room: str) -> Snapshot | None:
        try:
            async with (
                asyncio.timeout(SNAPSHOT_WAIT_S),
                Client(self.url, login.token, proxy=False) as client,
                client.subscribe(room) as events,
            ):
                async for item in events:
                    if isinstance(item, Restored):
                        return item.snapshot
        except (LivegiftError, TimeoutError):
            pass
        return None

    async def _check_wallets(self, api: Api, senders: list[Login], before: list[int], verdict: Verdict) -> None:
        """Every sender must have paid for what settled and for nothing else."""
        after: list[int] = []
        try:
            after = await balances(api, senders)
        except* LivegiftError as error:
            self._fail(f"the wallets could not be read: {error.exceptions[0]}")
        for person, (start, end) in enumerate(zip(before, after, strict=False)):
            expected = start - self.tally.spent[person]
            if end != expected:
                self._fail(f"sender {person}: the wallet holds {end} coins, expected {expected}")
                verdict.doubled += end < expected

    async def _close_rooms(self, api: Api, creators: list[Login]) -> None:
        """Nobody gifts in them any more, and a demo's visitors needn't find them."""
        for creator, room in zip(creators, self.room_ids, strict=True):
            try:
                await patiently(api.close_room)(creator.token, room)
            except LivegiftError as error:
                self._fail(f"room {room} could not be closed: {error}")

    def _fail(self, sentence: str) -> None:
        if len(self.failures) < FAILURES_MAX:
            self.failures.append(sentence)


def _figures(snapshot: Snapshot) -> tuple[object, ...]:
    """What must be equal in two snapshots. Who came first among equals isn't on the wire, so ties are left open."""
    return (
        snapshot.totals,
        sorted((line.coins_total, line.id) for line in snapshot.top),
        sorted(combo.id for combo in snapshot.combos),
    )


def _now_ms() -> float:
    return asyncio.get_running_loop().time() * 1_000
