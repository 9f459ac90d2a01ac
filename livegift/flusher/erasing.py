"""Erasing a person: out of the book, then out of the engine, in an order in which nothing comes back.

Shut out first (tokens, rooms), on every edge; then wait until the book has taken all that was accepted before, since
the journal and whoever announces it carry names; then erase in one transaction; then empty what is left of the journal,
and drop the state of every room that may show the name, which the announcer makes anew from the book; last, let book
and engine overwrite what their files still hold of it.
"""

import asyncio
from dataclasses import dataclass

from redis.exceptions import RedisError

from livegift.clock import monotonic_ms, now_ms
from livegift.config import Config
from livegift.engine import Client, Script, connect, faults
from livegift.errors import CannotRun, Fault, Unavailable
from livegift.ledger.keys import LedgerKeys
from livegift.rooms.keys import RoomKeys
from livegift.store.flusher_book import FlusherBook
from livegift.store.open import open_book, open_database
from livegift.store.persons import ERASED_TABLES, Erased, Persons
from livegift.store.sql import Database

HEARD_S = 1.5
"""Longer than edges take to hear of a revocation and of a closed room."""
SETTLE_MS = 30_000
SCRUB_MS = 20_000
REWRITE_MS = 120_000
POLL_S = 0.1
ERASE_MS = 600_000
"""Time limit of the transaction: somebody may have sent very many gifts."""
UNLINK_AT_ONCE = 200
WAITING = "gifts wait to be settled, and no flusher takes them: start the server, then erase again"

_scrub = Script("livegift.ledger", "scrub")


@dataclass(frozen=True, slots=True)
class Report:
    """What was erased, and what the operator has yet to look at."""

    erased: Erased
    notes: tuple[str, ...]


async def erase(config: Config, user_id: str, *, by: str, reason: str) -> Report:
    """Erase a person. Raises ``CannotRun`` for one whom the book does not know, ``Unavailable``: to be called again.

    ``config.redis_url`` names the engine of this book, whether its server runs or not.
    """
    assert config.redis_url is not None
    client = connect(config.redis_url, timeout_ms=config.redis_timeout_ms)
    people, patient = open_book(config), open_database(config, timeout_ms=ERASE_MS)
    book, persons = FlusherBook(patient), Persons(patient, patient)
    try:
        if not await persons.is_known(user_id):
            raise CannotRun(f"The book knows nobody with the id {user_id!r}.")
        incarnation = (await people.facts()).incarnation
        keys, rooms = LedgerKeys(config.redis_prefix, incarnation), RoomKeys(config.redis_prefix, incarnation)
        await persons.shut_out(user_id, now_ms=now_ms())
        await _tell(client, keys)
        await asyncio.sleep(HEARD_S)
        upto = await _settled(client, keys, book)
        erased = await persons.erase(user_id, by=by, reason=reason, now_ms=now_ms())
        await _scrub_journals(client, keys, upto)
        await _drop_rooms(client, rooms, erased)
        await _tell(client, keys)
        notes = [await _scrubbed(patient), await _rewritten(client), _kept_journals(config)]
        return Report(erased, tuple(note for note in notes if note))
    finally:
        await client.aclose()
        await people.close()
        await book.close()


async def _tell(client: Client, keys: LedgerKeys) -> None:
    async with faults():
        for what in ("people", "rooms"):
            await client.publish(keys.hints_channel, what)


async def _settled(client: Client, keys: LedgerKeys, book: FlusherBook) -> dict[int, tuple[int, int]]:
    """Wait until the book has everything that the engine has accepted up to now: (epoch, seq) by partition."""
    rows = await book.partitions()
    async with faults(), client.pipeline(transaction=False) as pipe:
        for row in rows:
            pipe.hmget(keys.meta(row.partition), ["epoch", "seq"])
        found = await pipe.execute()
    wanted = {
        row.partition: (int(epoch), int(seq)) for row, (epoch, seq) in zip(rows, found, strict=True) if epoch and seq
    }
    until = monotonic_ms() + SETTLE_MS
    while any(wanted.get(row.partition, (0, 0)) > (row.epoch, row.mark) for row in await book.partitions()):
        if monotonic_ms() > until:
            raise Unavailable(WAITING)
        await asyncio.sleep(POLL_S)
    return wanted


async def _scrub_journals(client: Client, keys: LedgerKeys, upto: dict[int, tuple[int, int]]) -> None:
    """Empty the journals of what stands at the mark or before it, but of nothing that has come since."""
    until = monotonic_ms() + SETTLE_MS
    for p, (epoch, seq) in upto.items():
        # Fenced: the partition has been recovered since, and its journal was begun anew.
        while (await _scrub.run(client, [keys.meta(p), keys.journal(p)], [epoch, seq]))[0] == b"waits":
            if monotonic_ms() > until:
                raise Unavailable(WAITING)
            await asyncio.sleep(POLL_S)


async def _drop_rooms(client: Client, keys: RoomKeys, erased: Erased) -> None:
    for start in range(0, len(erased.rooms), UNLINK_AT_ONCE):
        async with faults(), client.pipeline(transaction=False) as pipe:
            for room_id in erased.rooms[start : start + UNLINK_AT_ONCE]:
                pipe.unlink(*keys.all(room_id))
            await pipe.execute()


async def _scrubbed(database: Database) -> str | None:
    """Clean up the book's files; return what is to be told if that could not be done."""
    until = monotonic_ms() + SCRUB_MS
    while True:
        try:
            await database.scrub(ERASED_TABLES)
            return None
        except Fault as fault:
            if monotonic_ms() > until:
                return f"The book's files may still hold what was erased ({fault}): erase again when less is going on."
            await asyncio.sleep(POLL_S)


async def _rewritten(client: Client) -> str | None:
    """Let the engine write its append-only file anew: until then it holds every name that it was ever given."""
    try:
        async with faults():
            if not (await client.info("persistence")).get("aof_enabled"):
                return None
            await client.bgrewriteaof()
            until = monotonic_ms() + REWRITE_MS
            while True:
                state = await client.info("persistence")
                if not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]:
                    break
                if monotonic_ms() > until:
                    return "The engine is still writing its append-only file anew; the old one holds names until then."
                await asyncio.sleep(POLL_S)
    except (RedisError, Fault) as error:
        return f"The engine's append-only file may still hold names, and it refuses to write it anew ({error})."
    if state.get("aof_last_bgrewrite_status") != "ok":
        return "The engine could not write its append-only file anew; see its log."
    return None


def _kept_journals(config: Config) -> str | None:
    names = sorted(path.name for path in config.data.glob("journal-given-up-*.jsonl"))
    return f"These files hold names and messages; delete them: {', '.join(names)}." if names else None
