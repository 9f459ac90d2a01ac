"""Another number of partitions: drain -> close all -> one transaction of the book -> open.

Nothing is half done: until the transaction commits the old partitions stand, and the next start (or the next try)
recovers them; after it only the new ones can be opened. Whoever still runs with the old number is told so by every
script and every transaction, and ends.
"""

import structlog

from livegift.clock import now_ms
from livegift.config import Config
from livegift.engine import unlink_matching
from livegift.errors import BookDisagrees, Busy, CannotRun
from livegift.flusher.process import FlusherParts, open_parts
from livegift.ledger.loader import Fenced
from livegift.store.flusher_book import FlusherBook
from livegift.store.migrate import PARTITIONS_MAX
from livegift.store.open import open_database
from livegift.store.repartition import Changed, Moves

TRIES_MAX = 5

log = structlog.get_logger(__name__)


async def repartition(config: Config, secret: bytes, partitions: int, *, timeout_ms: int) -> dict[str, int | None]:
    """Change the number of partitions and return ``before, partitions, epoch, wallets, coins``.

    ``timeout_ms`` is for the one transaction that moves all wallets.

    ``epoch`` is None where nothing was to be done. Raises ``CannotRun`` for a bad number, a stopped partition, or a
    book that others still work on; ``Unavailable``, ``Busy``.
    """
    if not 1 <= partitions <= PARTITIONS_MAX:
        raise CannotRun(f"partitions is {partitions}, must be 1 to {PARTITIONS_MAX}")
    parts = await open_parts(config, secret)
    before = parts.facts.partitions
    report: dict[str, int | None] = {"before": before, "partitions": partitions}
    report |= {"epoch": None, "wallets": 0, "coins": 0}
    patient = FlusherBook(open_database(config, timeout_ms=timeout_ms))
    try:
        if partitions != before:
            moves = await change(parts, patient, partitions)
            report |= {"epoch": moves.epoch, "wallets": moves.wallets, "coins": moves.coins}
    finally:
        await patient.close()
        await parts.close()
    parts = await open_parts(config, secret)
    try:
        await open_new(parts)
    finally:
        await parts.close()
    return report


async def change(parts: FlusherParts, book: FlusherBook, partitions: int) -> Moves:
    """Drain and close every partition of ``parts``, and change their number in the ``book``; opens none."""
    for _ in range(TRIES_MAX):
        try:
            await _drain(parts)
            closed = [await parts.flusher.recovery.close(p) for p in range(parts.facts.partitions)]
            return await book.repartition(closed, partitions=partitions, now_ms=now_ms())
        except (Changed, Fenced) as error:
            log.info("repartition_again", why=str(error) or "a partition was recovered by others")
        except BookDisagrees as error:
            raise CannotRun(f"The journal contradicts the book ({error}): run `livegift audit` first.") from error
    raise CannotRun("Others still work on this book: stop every livegift that uses it first.")


async def open_new(parts: FlusherParts) -> None:
    """Open the partitions there are now, and drop what the engine holds of those that are no more.

    Their metas stay: they say which epochs were given up, to whoever comes late and would open one.
    """
    await parts.flusher.recover_where_needed()
    retired = tuple(
        parts.keys.partition(row.partition).encode()
        for row in await parts.book.partitions()
        if row.partition >= parts.facts.partitions
    )
    await unlink_matching(
        parts.client,
        parts.keys.every_partition,
        where=lambda name: name.startswith(retired) and not name.endswith(b"}:meta"),
    )


async def _drain(parts: FlusherParts) -> None:
    """Open what is closed, carry the whole inbox over, and flush everything."""
    flusher, waits = parts.flusher, None
    await flusher.recover_where_needed()
    while True:
        try:
            carried = await parts.inbox.step()
        except Busy as error:  # too many hot wallets, or a full journal
            log.info("inbox_waits", why=str(error))
            waits, carried = error, await parts.janitor.sweep()
        flushed = await flusher.step()
        if flusher.stopped:
            raise CannotRun(f"Partition {min(flusher.stopped)} contradicts the book: run `livegift audit` first.")
        if carried or flushed:
            waits = None
        elif waits is not None:
            raise waits
        else:
            return
