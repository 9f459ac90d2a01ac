"""What waits for the book: how much, for how long, and how near the bound; with an alarm before sends get `busy`.

Looked at once a second beside the flusher, never inside a pass: one pipelined read of the partitions' meta and, where
something waits, one of each oldest entry. While Valkey does not answer the figures of the last look stand.
"""

import asyncio
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from livegift.clock import monotonic_ms
from livegift.engine import Client, faults
from livegift.errors import Fault
from livegift.ledger.journal import entry_epoch_seq
from livegift.ledger.keys import LedgerKeys

LOOK_S = 1.0
BATCH_SHARE_MAX = 0.05

log = structlog.get_logger(__name__)


class Progress(Protocol):
    """What the flusher says of itself."""

    stopped: set[int]
    flushed_at_ms: int
    """Monotonic time of the last commit, 0 before the first."""


@dataclass(frozen=True, slots=True)
class Level:
    """A height of the fullest journal: rung once when it is reached, anew only after falling below ``until``."""

    name: str
    reached: float
    until: float
    is_error: bool
    means: str
    do: str


_LOOK_AT_SQL = (
    "make the SQL server answer (or end what locks the SQLite file); what waits is then flushed by itself, and "
    "nothing that was accepted is lost meanwhile while Valkey keeps its data"
)
HALF = Level(
    "journal_half_full",
    0.5,
    0.1,
    False,
    "the book has taken too little for a while: gifts wait in Valkey",
    _LOOK_AT_SQL,
)
NEARLY = Level("journal_nearly_full", 0.9, 0.7, True, "sends will be answered `busy` very soon", _LOOK_AT_SQL)
FULL = Level("journal_full", 1.0, 0.9, True, "sends are answered `busy`, nothing is charged for them", _LOOK_AT_SQL)
LEVELS = (HALF, NEARLY, FULL)


class Alarm:
    """Which levels a share has risen to. Pure: it decides, the caller logs."""

    def __init__(self) -> None:
        self._risen: list[Level] = []

    def take(self, share: float) -> tuple[list[Level], bool]:
        """Return the levels newly reached, lowest first, and whether the last of them has just been left."""
        had = bool(self._risen)
        self._risen = [level for level in self._risen if share >= level.until]
        new = [level for level in LEVELS if share >= level.reached and level not in self._risen]
        self._risen += new
        return new, had and not self._risen


@dataclass(frozen=True, slots=True)
class Fullness:
    """One partition's journal. ``share`` is 1 as soon as a full batch of gifts has no room any more."""

    events: int
    events_max: int
    share: float


class Backlog:
    """Watches the journals of all partitions; ``figures`` are those of the last look."""

    def __init__(
        self, client: Client, keys: LedgerKeys, progress: Progress, *, partitions: int, batch_gifts_max: int
    ) -> None:
        self._client = client
        self._keys = keys
        self._progress = progress
        self._partitions = partitions
        self._batch_gifts_max = batch_gifts_max
        self._alarm = Alarm()
        self._waits_since_ms: int | None = None
        self.figures: dict[str, float] = dict.fromkeys(HELPS, 0)

    async def run(self) -> None:
        """Look once a second until cancelled."""
        while True:
            try:
                await self.look()
            except Fault as fault:
                log.info("backlog_unseen", why=str(fault))
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Read once, set ``figures``, and log what was crossed. Raises ``Fault``."""
        waiting, marks, now = await self._read()
        oldest_ms = await self._oldest_ms(marks, now)
        fullest = max(waiting, key=lambda p: waiting[p].share, default=None)
        share = waiting[fullest].share if fullest is not None else 0.0
        self.figures = {
            "journal_events": sum(one.events for one in waiting.values()),
            "journal_fullest_share": round(share, 6),
            "journal_oldest_ms": oldest_ms,
            "book_silent_ms": self._silent_ms({p for p, one in waiting.items() if one.events}),
        }
        new, has_drained = self._alarm.take(share)
        for level in new:
            self._ring(level, fullest, waiting)
        if has_drained:
            log.info(
                "journal_drained", events=self.figures["journal_events"], share=self.figures["journal_fullest_share"]
            )

    def _ring(self, level: Level, fullest: int | None, waiting: Mapping[int, Fullness]) -> None:
        assert fullest is not None
        one = waiting[fullest]
        why, do = level.means, level.do
        if fullest in self._progress.stopped:
            why = f"partition {fullest} has stopped, its journal contradicts the book; {level.means}"
            do = "run `livegift audit` and look for the line partition_stopped; do not delete anything"
        (log.error if level.is_error else log.warning)(
            level.name,
            p=fullest,
            events=one.events,
            events_max=one.events_max,
            share=self.figures["journal_fullest_share"],
            oldest_ms=self.figures["journal_oldest_ms"],
            book_silent_ms=self.figures["book_silent_ms"],
            means=why,
            do=do,
        )

    def _silent_ms(self, waits: Set[int]) -> int:
        """Return for how long the book has taken nothing though something waited; a stopped partition is no sign."""
        if not waits - self._progress.stopped:
            self._waits_since_ms = None
            return 0
        now = monotonic_ms()
        if self._waits_since_ms is None:
            self._waits_since_ms = now
        return now - max(self._waits_since_ms, self._progress.flushed_at_ms)

    async def _read(self) -> tuple[dict[int, Fullness], dict[int, tuple[int, int, int]], int]:
        """Return each partition's fullness, (epoch, mark, clock offset) of those where something waits, and TIME."""
        async with faults(), self._client.pipeline(transaction=False) as pipe:
            pipe.time()
            for p in range(self._partitions):
                pipe.hmget(self._keys.meta(p), ["epoch", "seq", "mark", "limit", "clock_offset_ms"])
            (seconds, micros), *found = await pipe.execute()
        waiting: dict[int, Fullness] = {}
        marks: dict[int, tuple[int, int, int]] = {}
        for p, fields in enumerate(found):
            if any(field is None for field in fields):
                continue  # new or emptied: recovery is at work
            epoch, seq, mark, limit, offset_ms = map(int, fields)
            events = max(0, seq - mark)
            waiting[p] = Fullness(events, limit, self._share(events, limit))
            if events:
                marks[p] = (epoch, mark, offset_ms)
        return waiting, marks, seconds * 1_000 + micros // 1_000

    def _share(self, events: int, limit: int) -> float:
        # A batch is refused as a whole: what a full one would not fit into is full.
        room = max(1, min(self._batch_gifts_max, int(limit * BATCH_SHARE_MAX)))
        return 1.0 if events + room > limit else events / limit

    async def _oldest_ms(self, marks: Mapping[int, tuple[int, int, int]], now: int) -> int:
        if not marks:
            return 0
        async with faults(), self._client.pipeline(transaction=False) as pipe:
            for p, (epoch, mark, _) in marks.items():
                pipe.xrange(self._keys.journal(p), min=f"({epoch}-{mark}", count=1)
            found: list[Any] = await pipe.execute()
        ages = [0]
        for entries, (epoch, _, offset_ms) in zip(found, marks.values(), strict=True):
            for entry_id, fields in entries:
                if entry_epoch_seq(entry_id)[0] == epoch and b"t" in fields:
                    ages.append(now + offset_ms - int(fields[b"t"]))
        return max(ages)


HELPS = {
    "journal_events": "Events in all journals that wait for the book.",
    "journal_fullest_share": "The fullest partition's journal as a share of its bound; at 1 its sends get busy.",
    "journal_oldest_ms": "Age of the oldest event that waits for the book.",
    "book_silent_ms": "How long the book has taken nothing though something waited; 0 while nothing waits.",
}
