"""Reading the journal: one stream a partition, one entry a script call, carrying its events with gapless seqs.

An entry's id is ``<epoch>-<last seq>``, its fields ``t <ms>`` and then one field an event (see wire/journal.py);
seqs stand in the field names, which keeps them unique. ``o <chain head>`` opens an epoch and holds no event. The
entry that the book's mark names is always there: whoever reads starts at it and so knows that nothing is missing.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from livegift.engine import Client, faults
from livegift.ledger.keys import LedgerKeys
from livegift.store.events import JournalledGift, JournalledMovement
from livegift.wire.journal import unpack_gift, unpack_movement

ENTRIES_MAX = 512
"""Entries read at once."""


@dataclass(frozen=True, slots=True)
class JournalTail:
    """What stands behind a mark. ``whole``: nothing more was there when it was read.

    ``read_ms`` is the engine's time (with the partition's test offset) from before the read: every event up to then
    is in here or at most at the mark. ``missing`` says that the entry at the mark was not found.
    """

    events: list[JournalledGift | JournalledMovement]
    whole: bool
    read_ms: int
    missing: bool
    state: str


def entry_epoch_seq(entry_id: bytes) -> tuple[int, int]:
    """Return (epoch, last seq) of an entry."""
    epoch, seq = entry_id.split(b"-")
    return int(epoch), int(seq)


def parse_fields(fields: dict[bytes, bytes]) -> list[JournalledGift | JournalledMovement]:
    """Read one entry's fields into its events, in order of seq; an opening entry has none."""
    (name, value), *events = fields.items()
    if name == b"o":
        return []
    return [_event(int(value), name, payload) for name, payload in events]


def _event(ts_ms: int, name: bytes, payload: bytes) -> JournalledGift | JournalledMovement:
    kind, seq, *figures = name.split(b" ")
    if kind == b"g":
        balance, earned = figures
        return JournalledGift(int(seq), ts_ms, unpack_gift(payload), int(balance), int(earned))
    number, outcome, balance = figures
    return JournalledMovement(int(seq), ts_ms, unpack_movement(payload), int(number), outcome.decode(), int(balance))


class JournalReader:
    """Reads the tails of many partitions in one round trip.

    ``events_max`` bounds what is read of one partition (an entry is never cut); it may be changed between reads.
    """

    def __init__(self, client: Client, keys: LedgerKeys, *, events_max: int) -> None:
        self._client = client
        self._keys = keys
        self.events_max = events_max

    async def read(self, marks: dict[int, tuple[int, int]]) -> dict[int, JournalTail]:
        """Return what stands behind each partition's (epoch, mark)."""
        events_max = self.events_max
        entries_max = min(events_max, ENTRIES_MAX)
        async with faults(), self._client.pipeline(transaction=False) as pipe:
            pipe.time()
            for p, (epoch, mark) in marks.items():
                pipe.hmget(self._keys.meta(p), ["clock_offset_ms", "state"])
                pipe.xrange(self._keys.journal(p), min=f"{epoch}-{mark}", count=entries_max + 1)
            (seconds, micros), *rest = await pipe.execute()
        now_ms = seconds * 1_000 + micros // 1_000
        return {
            p: self._tail(rest[2 * i], rest[2 * i + 1], epoch=epoch, mark=mark, now_ms=now_ms, events_max=events_max)
            for i, (p, (epoch, mark)) in enumerate(marks.items())
        }

    @staticmethod
    def _tail(
        meta: list[bytes | None], entries: list[Any], *, epoch: int, mark: int, now_ms: int, events_max: int
    ) -> JournalTail:
        read_ms = now_ms + int(meta[0] or 0)
        state = (meta[1] or b"missing").decode()
        if not entries or entry_epoch_seq(entries[0][0]) != (epoch, mark):
            return JournalTail([], whole=False, read_ms=read_ms, missing=True, state=state)
        events: list[JournalledGift | JournalledMovement] = []
        whole = len(entries) <= min(events_max, ENTRIES_MAX)
        for entry_id, fields in entries[1:]:
            if entry_epoch_seq(entry_id)[0] != epoch:
                return JournalTail([], whole=False, read_ms=read_ms, missing=True, state=state)
            if len(events) >= events_max:
                whole = False  # a mark is always the end of an entry, so a batch ends between two
                break
            events += parse_fields(fields)
        return JournalTail(events, whole=whole, read_ms=read_ms, missing=False, state=state)

    async def wait(self, marks: dict[int, tuple[int, int]], *, timeout_ms: int) -> None:
        """Return when one of the journals has something behind its (epoch, mark), or after that time."""
        if not marks:  # every partition has stopped: there is nothing to wait for
            await asyncio.sleep(timeout_ms / 1_000)
            return
        streams: Any = {self._keys.journal(p): f"{epoch}-{mark}" for p, (epoch, mark) in marks.items()}
        async with faults():
            await self._client.xread(streams, count=1, block=timeout_ms)

    async def holds(self, p: int, epoch: int, mark: int) -> bool:
        """Tell whether the entry at that mark is there: the journal then continues the book."""
        entry_id = f"{epoch}-{mark}"
        async with faults():
            return bool(await self._client.xrange(self._keys.journal(p), min=entry_id, max=entry_id))

    async def last(self, p: int) -> tuple[int, int] | None:
        """Return (epoch, last seq) of the newest entry, or None if the journal is empty."""
        async with faults():
            found: Any = await self._client.xrevrange(self._keys.journal(p), count=1)
        return entry_epoch_seq(found[0][0]) if found else None
