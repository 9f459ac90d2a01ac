"""The steady scenario: rooms full of viewers, some of whom gift at a constant rate, and a verdict on every gift.

It makes its own people and rooms, so all that happens in these rooms is known. The server may be killed while it
runs: bots ride it out with the SDK, and nothing may be lost or doubled nonetheless.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from livegift_client import Api, Client, LivegiftError, Login, Receipt, Snapshot
from livegift_client.feed import Restored
from livegift_client.messages import RoomMessage

from loadtests.audit import Audited, audit
from loadtests.mark import Mark
from loadtests.people import Bot, FrameCache, balances, briefly, join, log_in, patiently
from loadtests.report import Report
from loadtests.room_book import Viewer
from loadtests.schedule import Planned, plan
from loadtests.seen import SeenLedger, Verdict
from loadtests.tally import Gift, Tally
from loadtests.timeline import Timeline
from loadtests.vitals import Vitals

SETTLE_WAIT_S = 10.0
"""After the last gift, for everything to settle."""
SEEN_WAIT_S = 8.0
"""After the last gift settled, for everybody to see it and every combo to end: its window of 5 s + 1 s, and 2 s."""
RETURN_WAIT_S = 30.0
"""After the last gift, for viewers who are reconnecting: what they missed can be judged once they are back."""
SENT_SHARE_MIN = 0.99
SNAPSHOT_WAIT_S = 10.0
FAILURES_MAX = 20

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(slots=True, kw_only=True)
class Steady:
    """One run. ``rate`` is gifts a second in all rooms together; ``senders`` of the ``viewers`` gift.

    While it gifts it may be asked to ``mark`` a moment, and by ``finish`` to send no more. ``meanwhile``, of a scenario
    that does more, begins with the gifts; the run waits for it.
    """

    url: str
    rooms: int
    viewers: int
    senders: int
    rate: float
    seconds: float
    seed: int
    data: Path | None = None
    progress: Progress = lambda what, done, total: None
    seen: SeenLedger = field(default_factory=SeenLedger)
    tally: Tally = field(init=False)
    vitals: Vitals = field(default_factory=Vitals)
    timeline: Timeline = field(init=False)
    meanwhile: Callable[[], Coroutine[Any, Any, None]] | None = None
    failures: list[str] = field(default_factory=list)
    finish: asyncio.Event = field(default_factory=asyncio.Event)
    gifted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the last gift is sent."""
    bots: list[Bot] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    start_ms: float | None = None
    """When the load began, on the monotonic clock."""
    planned: int = 0
    """Gifts whose time came."""

    def __post_init__(self) -> None:
        self.tally = Tally(self.seen)
        self.timeline = Timeline(self._sums)

    async def run(self) -> Report:
        """Run and judge. Raises ``Unreachable`` or ``HttpFailed`` (perhaps in a group) if it can't even begin."""
        async with Api(self.url, proxy=False) as api:
            await briefly(api.catalogue)()
            creators = await log_in(api, (f"Creator {number + 1}" for number in range(self.rooms)), "creator")
            rooms = [(await patiently(api.create_room)(who.token, f"Load test of {who.name}")).id for who in creators]
            logins = await log_in(api, (f"Viewer {number + 1}" for number in range(self.viewers)))
            before = await balances(api, logins[: self.senders])
            sends = plan(
                seed=self.seed,
                rate=self.rate,
                seconds=self.seconds,
                senders=self.senders,
                coins_each=min(before, default=0),
            )
            verdict, reconnects = await self._watch_and_gift(rooms, logins, sends)
            self.progress("comparing", 0, 1)
            await self._check_wallets(api, logins[: self.senders], before, verdict)
            await self._close_rooms(api, creators, rooms)
        audited: Audited | None = None
        if self.data is not None:
            self.progress("auditing", 0, 1)
            audited = await audit(self.data)
            self.failures += audited.failures
        return self._report(verdict, reconnects, audited)

    def mark(self, name: str) -> None:
        """Note this moment: the ``Mark`` will say when the next gift was seen that was sent after it."""
        if self.start_ms is not None:
            self.marks.append(Mark(name, _now_ms() - self.start_ms))

    async def _watch_and_gift(self, rooms: list[str], logins: list[Login], sends: list[Planned]) -> tuple[Verdict, int]:
        frames, gifted = FrameCache(), self.gifted
        self.bots = bots = [self._bot(login, rooms[at % len(rooms)], at, frames) for at, login in enumerate(logins)]
        async with asyncio.TaskGroup() as group:
            try:
                await join(group, bots)
                group.create_task(self.vitals.watch(gifted))
                group.create_task(self.timeline.watch(gifted))
                if self.meanwhile is not None:
                    group.create_task(self.meanwhile())
                await self._gift(bots, sends)
                gifted.set()
                verdict = await self._wait_for_the_end(bots)
                await self._compare_snapshots(bots, verdict)
            finally:
                for event in (gifted, *(bot.over for bot in bots)):
                    event.set()
        return verdict, sum(bot.client.reconnects for bot in bots)

    def _sums(self) -> dict[str, int]:
        joined = sum(len(bot.joins) for bot in self.bots)
        return {
            "sent": len(self.tally.gifts),
            "settled": self.tally.settled,
            "seen": self.seen.sightings,
            "joined": joined,
        }

    def _bot(self, login: Login, room: str, person: int, frames: FrameCache) -> Bot:
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
            gift = Gift(planned, bot.room, planned.sender, start_ms + planned.at_ms)
            try:
                bot.post(planned, partial(self._note, gift))
            except LivegiftError as error:
                self._fail(f"sender {planned.sender} could not send: {error}")
                continue
            self.tally.note_sent(gift, now_ms=_now_ms())
            self.progress("gifting", planned.index + 1, len(sends))

    async def _is_over(self, *, within_ms: float) -> bool:
        """Wait until it is time for the next gift; True if there shall be none."""
        if within_ms > 0:
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
            away = sum(not bot.is_live for bot in bots)
            if away and now_s - ended_s < RETURN_WAIT_S:
                calm_s = settled_s = now_s
                continue
            if self.tally.open and now_s - calm_s < SETTLE_WAIT_S:
                settled_s = now_s  # a gift that is done only now may still begin a combo
                continue
            verdict = self.seen.verdict()
            if verdict.is_clean or now_s - settled_s >= SEEN_WAIT_S:
                break
        if away:
            self._fail(f"{away} viewers were not back {RETURN_WAIT_S:.0f} s after the last gift")
        lost, failures = self.tally.findings()
        verdict.lost += lost
        self.failures += failures + verdict.failures
        self.failures += [f"a viewer's connection ended: {bot.gave_up}" for bot in bots if bot.gave_up][:3]
        return verdict

    async def _compare_snapshots(self, bots: list[Bot], verdict: Verdict) -> None:
        """Applying events must equal a fresh snapshot; with combos still open that can't be asked."""
        for room in self.seen.rooms:
            witnesses = [bot for bot in bots if bot.room == room]
            if verdict.combos_open or not witnesses:
                continue
            snapshot = await self._fresh_snapshot(witnesses[0].login, room)
            if snapshot is None:
                self._fail(f"room {room}: no snapshot within {SNAPSHOT_WAIT_S:.0f} s")
                continue
            wrong = sum(_figures(bot.feed.state.snapshot()) != _figures(snapshot) for bot in witnesses)
            if wrong:
                self._fail(f"room {room}: {wrong} viewers' folded state differs from a fresh snapshot")

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

    async def _close_rooms(self, api: Api, creators: list[Login], rooms: list[str]) -> None:
        """Nobody gifts in them any more, and a demo's visitors needn't find them."""
        for creator, room in zip(creators, rooms, strict=True):
            try:
                await patiently(api.close_room)(creator.token, room)
            except LivegiftError as error:
                self._fail(f"room {room} could not be closed: {error}")

    def _fail(self, sentence: str) -> None:
        if len(self.failures) < FAILURES_MAX:
            self.failures.append(sentence)

    def _report(self, verdict: Verdict, reconnects: int, audited: Audited | None) -> Report:
        tally, planned = self.tally, self.planned
        sent = len(tally.gifts)
        if sent < SENT_SHARE_MIN * planned:
            self.failures.append(f"only {sent} of {planned} planned gifts were sent")
        if not tally.settled:
            self.failures.append("nothing settled")
        machine = self.vitals.machine() | {"refusals": dict(tally.refusals)}
        return Report(
            scenario="steady",
            parameters={
                "rooms": self.rooms,
                "viewers": self.viewers,
                "senders": self.senders,
                "rate": self.rate,
                "seconds": self.seconds,
                "seed": self.seed,
            },
            sent=sent,
            accepted=tally.accepted,
            settled=tally.settled,
            shown=self.seen.shown,
            seen=self.seen.sightings,
            lost=verdict.lost,
            doubled=verdict.doubled,
            out_of_order=verdict.out_of_order,
            combos_open=verdict.combos_open,
            drift=audited.drift if audited else None,
            audited={"rows": audited.rows, "wallets": audited.wallets} if audited else None,
            latency_ms={
                "accepted": tally.accepted_latency.summary(),
                "settled": tally.settled_latency.summary(),
                "seen": self.seen.latency.summary(),
            },
            bot_limited=self.vitals.is_limited,
            planned=planned,
            refused=tally.refused,
            late=tally.late,
            reconnects=reconnects,
            seed=self.seed,
            machine=machine,
            failures=self.failures[:FAILURES_MAX],
            over_time=self.timeline.rates(),
            figures={},
            marks={mark.name: round(mark.at_ms / 1_000, 2) for mark in self.marks},
        )


def _figures(snapshot: Snapshot) -> tuple[object, ...]:
    """What must be equal in two snapshots. Who came first among equals isn't on the wire, so ties are left open."""
    return (
        snapshot.totals,
        sorted((line.coins_total, line.id) for line in snapshot.top),
        sorted(combo.id for combo in snapshot.combos),
    )


def _now_ms() -> float:
    return asyncio.get_running_loop().time() * 1_000
