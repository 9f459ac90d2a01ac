"""Carrying the book's inbox into hot wallets, in the order of each partition's gapless numbers."""

from itertools import groupby

import structlog

from livegift.clock import now_ms
from livegift.engine import Client, Script
from livegift.errors import Busy, Unavailable
from livegift.ledger.keys import LedgerKeys
from livegift.ledger.loader import Fenced, Loader
from livegift.ledger.view import PartitionView, read_view
from livegift.store.flusher_book import FlusherBook, PendingEntry
from livegift.wire.journal import MovementEntry, pack

ENTRIES_MAX = 256
"""Entries of one partition carried over in one pass."""

_apply = Script("livegift.ledger", "apply")

log = structlog.get_logger(__name__)


class Inbox:
    """Carries entries over; every step may be repeated, a number is consumed once."""

    def __init__(self, client: Client, keys: LedgerKeys, book: FlusherBook, loader: Loader) -> None:
        self._client = client
        self._keys = keys
        self._book = book
        self._loader = loader
        self._consumed: dict[int, int] = {}

    async def step(self) -> int:
        """Carry over what waits; returns how many entries. Raises ``Fenced``, ``Busy``, ``Unavailable``."""
        carried = 0
        pending = await self._book.pending(limit=ENTRIES_MAX)
        for p, entries in groupby(pending, key=lambda entry: entry.partition):
            fresh = [entry for entry in entries if entry.number > self._consumed.get(p, 0)]
            if not fresh:
                continue
            view = await read_view(self._client, self._keys, p)
            if view is None:
                raise Fenced
            for entry in fresh:
                await self._carry(p, view, entry)
                self._consumed[p] = entry.number
                carried += 1
        return carried

    def forget(self) -> None:
        """Ask the engine about every number again: after a recovery it may have lost some."""
        self._consumed.clear()

    async def _carry(self, p: int, view: PartitionView, entry: PendingEntry) -> None:
        names = [self._keys.meta(p), self._keys.journal(p), self._keys.wallet(p, view.generation, entry.user_id)]
        payload = pack(MovementEntry(entry.user_id, entry.kind, entry.coins))
        while True:
            reply = await _apply.run(
                self._client,
                names,
                [
                    *(view.partitions, view.epoch, view.generation, view.owner, now_ms()),
                    *(entry.number, entry.kind, entry.coins, payload),
                ],
            )
            match reply[0]:
                case b"applied" | b"known":
                    return
                case b"rejected":
                    log.info("inbox_rejected", p=p, number=entry.number, why=reply[2].decode())
                    return
                case b"need_load":
                    await self._loader.load(p, view, users=[entry.user_id], creators=[])
                case b"busy":
                    raise Busy(f"partition {p} takes no entries now: {reply[1].decode()}", retry_after_ms=100)
                case b"clock_skew":
                    raise Unavailable(f"the engine's clock says {int(reply[1])} ms, ours {now_ms()} ms")
                case _:
                    raise Fenced
