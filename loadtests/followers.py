"""Viewers in processes of their own, seen from the run: it plans them, asks them how it goes, and judges the end.

A follower knows only its own room, so the run brings what it lacks: which events were settled, and when each gift was
planned. What the processes count is added up, and what they timed goes into one histogram.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from loadtests.crowd import Crowd, spread
from loadtests.following import FollowPlan, Kind, Told
from loadtests.seen import SeenLedger, Verdict

ASK_S = 0.2
TIMED_EVERY = 8
"""One honest follower in so many notes when it sees what: it costs about as much as reading a frame."""
LATE_PAGES_MAX = 100_000
Seat = tuple[str, int, Kind]
"""Token, number of the room, and kind of one follower."""
PageTold = tuple[str, str, int, list[str], list[float]]


@dataclass(slots=True)
class Followers:
    """What all followers have told so far. ``told`` is the last word of each process."""

    seen: SeenLedger
    told: list[Told] = field(default_factory=list)
    places: dict[str, dict[str, int]] = field(default_factory=dict)
    """Room → where (``epoch offset coins gifts``) → how many stand there, when last asked."""
    crowd: Crowd | None = None
    _early: list[PageTold] = field(default_factory=list)
    """Pages with gifts whose sender has not yet been told that they were accepted."""
    _ids: list[dict[str, set[str]]] = field(default_factory=list)
    """Of each process: room → event ids."""
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def events(self) -> int:
        """Events that came to followers: deliveries."""
        return sum(one["events"] for one in self.told)

    @property
    def sightings(self) -> int:
        """Gifts that came to followers."""
        return sum(one["sightings"] for one in self.told)

    @property
    def reconnects(self) -> int:
        """Connections of followers after their first."""
        return sum(one["reconnects"] for one in self.told)

    @property
    def away(self) -> int:
        """Followers who are not in their room right now."""
        return sum(one["followers"] - one["live"] for one in self.told)

    async def say(self, word: str) -> None:
        """Tell every process ``begin``, ``hold`` or ``free``."""
        if self.crowd is not None:
            async with self._asking:
                await self.crowd.ask(word)

    async def ask(self) -> None:
        """Hear what has come."""
        if self.crowd is None:
            return
        async with self._asking:
            self.told = await self.crowd.ask("told")
        for number, one in enumerate(self.told):
            for page in one["pages"]:
                self.note(number, page)
        pages, self._early = self._early, []
        for page in pages:
            self._time(page)

    async def ask_places(self) -> None:
        """Hear where everybody stands."""
        if self.crowd is None:
            return
        async with self._asking:
            parts: list[dict[str, dict[str, int]]] = await self.crowd.ask("places")
        self.places = {}
        for part in parts:
            for room, found in part.items():
                here = self.places.setdefault(room, {})
                for where, count in found.items():
                    here[where] = here.get(where, 0) + count

    async def watch(self, until: asyncio.Event) -> None:
        """Ask every ``ASK_S``; ends soon after ``until`` is set."""
        while not until.is_set():
            await self.ask()
            await asyncio.sleep(ASK_S)

    def note(self, process: int, page: PageTold) -> None:
        """Enter a page that a process has told of."""
        while len(self._ids) <= process:
            self._ids.append({})
        self._ids[process].setdefault(page[0], set()).update(page[3])
        if page[4] and len(self._early) < LATE_PAGES_MAX:
            self._early.append(page)

    def _time(self, page: PageTold) -> None:
        """Time the gifts of a page, or keep it until their senders know of them."""
        book, wanted = self.seen.rooms[page[0]], []
        for event_id in page[3]:
            ordinal = book.ordinals.get(event_id)
            found = book.wanted.get(ordinal) if ordinal is not None else None
            if found is None and (ordinal is None or ordinal in book.gifts):
                self._early.append(page)
                return
            wanted += [found] if found is not None else []
        for at_ms in page[4]:
            for one in wanted:
                self.seen.time(book, at_ms - one.planned_ms)

    def judge(self, verdict: Verdict) -> None:
        """Add to a verdict what followers saw that differs from what was settled. After ``ask`` and ``ask_places``."""
        holes, doubled, contradictions = (
            sum(one[name] for one in self.told) for name in ("holes", "doubled", "contradictions")
        )
        verdict.out_of_order += holes
        verdict.doubled += doubled
        if contradictions:
            verdict.doubled += contradictions
            verdict.failures.append(f"{contradictions} events were told otherwise to other followers")
        for room, found in self.places.items():
            self._judge_room(room, found, verdict)

    def _judge_room(self, room: str, found: dict[str, int], verdict: Verdict) -> None:
        book = self.seen.rooms[room]
        coins, gifts = book.sums()
        strangers, is_more = 0, False
        for where, count in found.items():
            ends = tuple(map(int, where.split()[-2:]))
            if ends != (coins, gifts):
                strangers += count
                is_more |= ends > (coins, gifts)
        if strangers:
            verdict.lost += not is_more
            verdict.doubled += is_more
            verdict.failures.append(
                f"room {room}: {strangers} followers end on other sums than the {coins} coins in {gifts} gifts settled"
            )
        shown = set().union(*(ids.get(room, set()) for ids in self._ids))
        known = book.ordinals
        ghosts = sum(one.removesuffix(".end") not in known and not one.startswith("other ") for one in shown)
        if ghosts:
            verdict.doubled += ghosts
            verdict.failures.append(f"room {room}: {ghosts} events were shown to followers alone")


@asynccontextmanager
async def following(
    followers: Followers, url: str, rooms: Sequence[str], seats: Iterable[Seat], *, processes: int
) -> AsyncIterator[None]:
    """Let followers join, spread over so many processes; they leave with the block. None is fine."""
    everyone = list(seats)
    if not everyone:
        yield
        return
    host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
    plans = [
        FollowPlan(
            host=host, port=int(port or 80), rooms=list(rooms), people=everyone[n::processes], timed_every=TIMED_EVERY
        )
        for n in range(min(processes, len(everyone)))
    ]
    async with spread("loadtests.following", [json.dumps(plan) for plan in plans]) as followers.crowd:
        try:
            yield
        finally:
            followers.crowd = None
