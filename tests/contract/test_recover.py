"""Recovery: whatever the engine forgets, a settled gift stands, and no gift is ever charged twice."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from livegift.clock import now_ms
from livegift.domain.identity import partition_of
from livegift.domain.refusal import Refusal
from livegift.engine import Script
from livegift.errors import Busy, CannotRun, Unavailable
from livegift.flusher.audit import audit
from livegift.gifting import Receipt
from livegift.store.events import PartitionBatch
from livegift.store.flusher_book import PartitionRow
from tests.world import SECRET, Heard, World, send, until


@pytest.fixture
async def world(valkey: str, tmp_path: Path, store: str) -> AsyncIterator[World]:
    world = await World.made(valkey, tmp_path, store=store, send_deadline_ms=3_000)
    yield world
    await world.close()


async def empty(world: World) -> None:
    """Lose everything the engine held of this world."""
    keys = [key async for key in world.client.scan_iter(match=world.config.redis_prefix + "*", count=1_000)]
    await world.client.unlink(*keys)


async def charged(world: World, *, rows: int) -> None:
    report = await audit(world.config, SECRET, live=True)
    assert report["findings"] == []
    assert report["rows"] == rows


async def test_a_receipt_survives_an_emptied_engine(world: World) -> None:
    async with world.edge.running(), world.flushing():
        ann, room, heard = await world.person("Ann", 50), await world.room(), Heard()
        one = send(ann, room, count=5)
        receipt = await world.edge.gifting.send_gift(one, heard)
        await heard.wait_settled(1)
        await empty(world)
        again = await world.edge.gifting.send_gift(one, heard)
        assert isinstance(receipt, Receipt)
        assert again == Receipt(receipt.gift_event_id, receipt.event_id, 45, replayed=True, settled=True)
        assert await world.edge.gifting.balance(ann.id) == 45
        await charged(world, rows=2)


async def test_what_the_engine_lost_before_the_book_had_it_is_done_anew(world: World) -> None:
    """Accepted, not settled, lost: the edge sends it again by itself and tells its sender the new event id."""
    async with world.edge.running():
        async with world.flushing():
            ann, room, heard = await world.person("Ann", 50), await world.room(), Heard()
        # Nobody flushes now: the gifts are accepted and stay unsettled.
        receipts = [await world.edge.gifting.send_gift(send(ann, room), heard) for _ in range(3)]
        assert all(isinstance(receipt, Receipt) for receipt in receipts)
        await empty(world)
        async with world.flushing():
            await until(lambda: len(heard.again) == 3)
            await heard.wait_settled(3)
            assert {r.gift_event_id for r in heard.again} == {
                r.gift_event_id for r in receipts if isinstance(r, Receipt)
            }
            old = {r.event_id for r in receipts if isinstance(r, Receipt)}
            assert not old & {r.event_id for r in heard.again}
            assert await world.edge.gifting.balance(ann.id) == 47
            await charged(world, rows=4)


async def test_a_tail_that_survived_is_drained_and_settles_as_it_was(world: World) -> None:
    async with world.edge.running():
        async with world.flushing():
            ann, room, heard = await world.person("Ann", 50), await world.room(), Heard()
        receipt = await world.edge.gifting.send_gift(send(ann, room), heard)
        # As after a restart of the engine: another owner, the same data.
        for p in range(world.config.partitions):
            await world.client.hset(world.keys.meta(p), "owner", "0" * 40)
        async with world.flushing():
            await heard.wait_settled(1)
            assert isinstance(receipt, Receipt)
            assert heard.settled_ids == [(receipt.gift_event_id, receipt.event_id)]
            assert heard.again == []
            await charged(world, rows=2)


async def test_a_receipt_survives_close_price_change_and_eviction(world: World) -> None:
    async with world.flushing(), world.edge.running():
        ann, room, heard = await world.person("Ann", 50), await world.room(), Heard()
        one = send(ann, room, count=2)
        receipt = await world.edge.gifting.send_gift(one, heard)
        await heard.wait_settled(1)
        assert isinstance(receipt, Receipt)
        same = Receipt(receipt.gift_event_id, receipt.event_id, 48, replayed=True, settled=True)

        catalogue = await world.edge.book.catalogue()
        dearer = [
            gift if gift.id != "rose" else type(gift)("rose", "Rose", 2, 1, True, gift.image)
            for gift in catalogue.gifts
        ]
        await world.edge.book.replace_catalogue(dearer)
        await world.edge.book.close_room(room.id, now_ms())
        await world.edge.gifting.rooms_have_news()
        world.edge.directory._catalogue._until_ms = 0  # the new prices are read with the next gift
        assert await world.edge.gifting.send_gift(one, heard) == same

        world.parts.janitor._hot_wallets_max = 0  # everything settled goes
        await until(lambda: world.parts.janitor.sweep())
        assert await world.edge.gifting.send_gift(one, heard) == same

        fresh = await world.edge.gifting.send_gift(send(ann, room), heard)
        assert isinstance(fresh, Refusal)
        assert fresh.code == "room_closed"


async def test_a_room_that_lost_its_state_is_fed_from_the_book(world: World) -> None:
    async with world.flushing(), world.edge.running():
        ann, room, heard = await world.person("Ann", 50), await world.room(), Heard()
        for _ in range(5):
            await world.edge.gifting.send_gift(send(ann, room), heard)
        await heard.wait_settled(5)

        async def whole() -> bool:
            view = await world.reader.view(room.id)
            return view is not None and view.totals.gifts == 5 and not view.feeding

        await until(whole)
        before = await world.reader.view(room.id)
        await world.client.unlink(*world.room_keys.all(room.id))
        await world.edge.gifting.rooms_have_news()
        await until(whole)
        after = await world.reader.view(room.id)
        assert before is not None
        assert after is not None
        assert (after.totals, after.top) == (before.totals, before.top)
        assert int(after.epoch) > int(before.epoch)


async def test_a_book_older_than_its_journal_is_refused(valkey: str, tmp_path: Path) -> None:
    world = await World.made(valkey, tmp_path)
    async with world.edge.running(), world.flushing():
        ann, room, heard = await world.person("Ann", 50), await world.room(), Heard()
        backup = tmp_path / "backup.sqlite3"
        with closing(sqlite3.connect(world.config.book_path)) as book:
            book.execute("VACUUM INTO ?", (str(backup),))
        await world.edge.gifting.send_gift(send(ann, room), heard)
        await heard.wait_settled(1)
        await until(lambda: world.parts.flusher.passes > 3)
    older = await World.made(world.url, tmp_path / "older", redis_prefix_of=world)
    older.config.book_path.unlink()
    backup.rename(older.config.book_path)
    try:
        with pytest.raises(CannotRun, match="older than its journal"):
            await older.parts.flusher.recover_where_needed()
    finally:
        await older.close()
        await world.close()


async def test_the_journal_at_its_limit_answers_busy_and_drains(valkey: str, tmp_path: Path, store: str) -> None:
    world = await World.made(valkey, tmp_path, store=store, journal_events_max=10, partitions=1)
    async with world.edge.running():
        async with world.flushing():
            ann, room, heard = await world.person("Ann", 50), await world.room(), Heard()
        for _ in range(10):
            assert isinstance(await world.edge.gifting.send_gift(send(ann, room), heard), Receipt)
        with pytest.raises(Busy, match="limit"):
            await world.edge.gifting.send_gift(send(ann, room), heard)
        async with world.flushing():
            await heard.wait_settled(10)
            assert isinstance(await world.edge.gifting.send_gift(send(ann, room), heard), Receipt)
            await charged(world, rows=12)
    await world.close()


async def test_two_flushers_never_write_an_event_twice(world: World) -> None:
    async with world.edge.running(), world.flushing():
        second = await World.made(world.url, world.config.data, redis_prefix_of=world, store=world.config.store)
        async with second.flushing():
            ann, room, heard = await world.person("Ann", 1_000), await world.room(), Heard()
            await asyncio.gather(*[world.edge.gifting.send_gift(send(ann, room), heard) for _ in range(300)])
            await heard.wait_settled(300)
        await second.parts.close()
        await second.client.aclose()
        await charged(world, rows=301)


async def test_a_book_that_moves_on_between_two_looks_is_not_an_older_one(world: World) -> None:
    """Two flushers begin at once: one has read the book, the other recovers, the first one asks the engine."""
    before = await world.parts.flusher._book.partition(0)
    async with world.flushing():
        pass
    rows = [before]

    recovery, book = world.parts.flusher.recovery, world.parts.flusher._book

    look = book.partition

    async def as_it_was(p: int) -> PartitionRow:
        return rows.pop() if rows else await look(p)

    book.partition = as_it_was  # type: ignore[method-assign]
    await recovery.refuse_older(0)
    assert rows == []
    rows.append(before)
    assert await recovery.recover(0) is True  # asking with the old epoch has closed it
    assert rows == []


async def test_an_engine_that_loses_all_while_it_is_looked_at_is_recovered(world: World) -> None:
    """The partition was healthy when asked first; then the engine was emptied, and holds no journal at all."""
    async with world.edge.running(), world.flushing():
        await world.person("Ann", 50)
    recovery, reader = world.parts.flusher.recovery, world.parts.flusher._reader
    holds = reader.holds

    async def holds_no_more(p: int, epoch: int, mark: int) -> bool:
        reader.holds = holds  # type: ignore[method-assign]
        await empty(world)
        return await holds(p, epoch, mark)

    reader.holds = holds_no_more  # type: ignore[method-assign]
    assert await recovery.recover(0) is True


async def test_an_epoch_that_another_recovery_gave_up_is_not_opened_late(world: World) -> None:
    """Gifts accepted under it would be thrown away by the recovery that has closed the partition since."""
    async with world.flushing():
        pass
    recovery, book = world.parts.flusher.recovery, world.parts.flusher._book
    row = await book.partition(0)
    begun = await book.begin_epoch(row, epoch=row.epoch + 1)
    assert begun is not None
    owner = (await world.client.info("replication"))["master_replid"]
    close = Script("livegift.ledger", "close")
    assert (await close.run(world.client, [world.keys.meta(0)], [begun.epoch, "0"]))[0] == b"closed"
    assert await recovery._open(begun, owner) is False
    assert await recovery.recover(0) is True
    assert (await book.partition(0)).epoch > begun.epoch


async def test_what_another_flusher_has_drained_in_part_is_drained_to_its_end(world: World) -> None:
    """Of two recoveries one commits the tail's beginning; the other must not take that for all of it."""
    async with world.edge.running():
        async with world.flushing():
            ann, room, heard = await world.person("Ann", 50), await world.room(), Heard()
        for _ in range(3):
            await world.edge.gifting.send_gift(send(ann, room), heard)
        p = partition_of(ann.id, world.config.partitions)
        await world.client.hset(world.keys.meta(p), "owner", "0" * 40)
        recovery, book = world.parts.flusher.recovery, world.parts.flusher._book
        drain = recovery._drain_batch

        async def another_was_here(batch: PartitionBatch) -> None:
            recovery._drain_batch = drain
            await drain(PartitionBatch(batch.partition, batch.epoch, batch.after, batch.events[:1]))
            await drain(batch)  # comes too late for the whole of it

        recovery._drain_batch = another_was_here
        seq = (await book.partition(p)).mark + 3
        assert await recovery.recover(p) is True
        assert (await book.partition(p)).mark == seq


async def test_a_mark_whose_trim_was_lost_is_told_with_the_next_pass(world: World) -> None:
    """Nobody sends another gift: senders must still hear that theirs are settled."""
    async with world.edge.running():
        async with world.flushing():
            ann, room, heard = await world.person("Ann", 50), await world.room(), Heard()
        await world.parts.flusher.recover_where_needed()
        await world.edge.gifting.send_gift(send(ann, room), heard)
        trim = world.parts.flusher._trim

        async def lost(marks: dict[int, tuple[int, int]]) -> None:
            world.parts.flusher._trim = trim  # type: ignore[method-assign]
            raise Unavailable("the engine does not answer")

        world.parts.flusher._trim = lost  # type: ignore[method-assign]
        with pytest.raises(Unavailable):
            await world.parts.flusher.step()
        assert await world.parts.flusher.step() is False
        await heard.wait_settled(1)
