"""Another number of partitions: every coin stays where its owner finds it, every proof holds, old receipts are true."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from livegift.clock import now_ms
from livegift.config import Config
from livegift.domain.identity import partition_of
from livegift.engine import unlink_matching
from livegift.errors import Busy, CannotRun, Unavailable
from livegift.flusher.audit import audit
from livegift.flusher.repartition import change, repartition
from livegift.gifting import Receipt
from livegift.store.dump import dump, load
from livegift.store.open import open_database
from livegift.store.repartition import Changed
from livegift.store.wallet_rows import wallet_rows
from tests.contract.party import PATIENCE_MS, Party, sql
from tests.postgres import PostgresServer
from tests.world import SECRET, Heard, World, send, until


@pytest.mark.parametrize("numbers", [(8, 3), (1, 4), (5, 7)])
async def test_gifts_go_on_and_old_receipts_stay_true(party: Party, numbers: tuple[int, int]) -> None:
    before = 4
    for partitions in numbers:
        moved = sum(partition_of(user.id, before) != partition_of(user.id, partitions) for user in party.people)
        report = await party.repartition(partitions)
        assert (report["before"], report["partitions"], report["wallets"]) == (before, partitions, moved)
        await party.all_true()
        await party.gift()
        await party.all_true()
        before = partitions
    (points,) = (
        await sql(party.world.config, "SELECT sum(points) FROM stripe WHERE creator_id = $1", party.room.creator_id)
    )[0]
    assert points == 9 * len(party.people)
    left = [key async for key in party.world.client.scan_iter(match=f"{party.world.keys.partition(before)}*")]
    assert left in ([], [party.world.keys.meta(before).encode()])


async def test_what_has_not_been_flushed_carried_or_announced_is_not_lost(party: Party) -> None:
    world = party.world
    await world.start_again()
    async with world.edge.running():
        async with world.flushing():
            pass
        # No flusher: gifts wait in the journals, coins in the inbox.
        for user in party.people:
            receipt = await world.edge.gifting.send_gift(one := send(user, party.room, count=3), Heard())
            assert isinstance(receipt, Receipt)
            party.sent.append((one, receipt))
            await world.edge.book.grant(user.id, 3, now_ms=now_ms())
    await party.repartition(6)
    async with party.running():
        await until(party.is_seen)
        assert [await world.edge.gifting.balance(user.id) for user in party.people] == [97] * len(party.people)


async def test_a_book_that_lost_its_engine_first_is_repartitioned_too(party: Party) -> None:
    await unlink_matching(party.world.client, f"{party.world.config.redis_prefix}*")
    await party.repartition(2)
    await party.all_true()


async def test_debts_and_frozen_wallets_move_as_they_are(party: Party) -> None:
    world, debtor = party.world, party.people[0]
    async with party.running():
        entry = await world.edge.book.grant(debtor.id, 500, kind="chargeback", now_ms=now_ms())
        await world.edge.gifting.wait_granted(entry, timeout_ms=5_000)
    for partitions in (7, 2, 5):
        await party.repartition(partitions)
        async with party.running():
            refused = await world.edge.gifting.send_gift(send(debtor, party.room), Heard())
            assert getattr(refused, "code", refused) == "frozen"
            assert await world.edge.gifting.balance(debtor.id) == -403
            assert (await audit(world.config, SECRET, live=True))["findings"] == []
            rows, _ = await wallet_rows(world.edge.book.databases[0], debtor.id, limit=10)
            assert [(row.kind, row.coins) for row in rows] == [("chargeback", -500), ("gift", -3), ("promo", 100)]


async def test_who_runs_on_with_the_old_number_charges_nothing_more(party: Party) -> None:
    """Nobody should; whoever does must not charge a wallet where it no longer is."""
    world = party.world
    await world.start_again()
    before = world.edge

    async def run_on() -> None:
        async with before.running():
            # Its wallets are hot, its view is known.
            await before.gifting.send_gift(send(party.people[0], party.room), Heard())
            await repartition(world.config, SECRET, 8, timeout_ms=PATIENCE_MS)
            async with asyncio.timeout(10), asyncio.TaskGroup() as more:
                for user in party.people:
                    more.create_task(before.gifting.send_gift(send(user, party.room), Heard()))

    async with world.flushing():
        old_flusher = world.parts.flusher
    with pytest.raises(ExceptionGroup) as ended:
        await run_on()
    assert ended.value.subgroup(CannotRun) is not None
    with pytest.raises(CannotRun):
        await old_flusher.recover_where_needed()
    assert (await sql(world.config, "SELECT count(*) FROM gift"))[0][0] == len(party.people) + 1


async def test_an_old_flusher_cannot_open_what_has_been_closed_for_good(party: Party) -> None:
    """The command died right after its transaction: engine and old processes know nothing of it."""
    world = party.world
    await change(world.parts, world.parts.book, 8)
    with pytest.raises(CannotRun, match="have been changed"):
        await world.parts.flusher.recovery.recover(0)
    await party.all_true()


async def test_a_partition_that_was_opened_again_stops_the_change(party: Party) -> None:
    await party.world.start_again()
    recovery, book = party.world.parts.flusher.recovery, party.world.parts.book
    await party.world.parts.flusher.recover_where_needed()
    closed = [await recovery.close(p) for p in range(4)]
    await recovery.recover(2)
    with pytest.raises(Changed):
        await book.repartition(closed, partitions=8, now_ms=now_ms())
    closed = [await recovery.close(p) for p in range(4)]
    await party.world.edge.book.grant(party.people[0].id, 1, now_ms=now_ms())
    with pytest.raises(Changed):
        await book.repartition(closed, partitions=8, now_ms=now_ms())
    async with party.running():
        assert (await audit(party.world.config, SECRET, live=True))["findings"] == []
    assert (await sql(party.world.config, "SELECT partitions FROM book"))[0][0] == 4


async def test_an_inbox_that_cannot_be_carried_says_why_and_changes_nothing(party: Party) -> None:
    world = party.world
    await world.start_again()
    await world.edge.book.grant(party.people[0].id, 1, now_ms=now_ms())
    await unlink_matching(world.client, f"{world.config.redis_prefix}*")  # nothing is hot, and nothing may become so
    with pytest.raises(Busy, match="hot wallets"):
        await repartition(replace(world.config, hot_wallets_max=0), SECRET, 8, timeout_ms=PATIENCE_MS)
    assert (await sql(world.config, "SELECT partitions FROM book"))[0][0] == 4
    async with party.running():
        await until(lambda: holds(world, party.people[0].id, 98))


async def holds(world: World, user_id: str, coins: int) -> bool:
    return await world.edge.gifting.balance(user_id) == coins


async def test_a_number_out_of_bounds_or_the_same_changes_nothing(party: Party) -> None:
    for bad in (0, -1, 1_025):
        with pytest.raises(CannotRun, match="must be 1 to"):
            await repartition(party.world.config, SECRET, bad, timeout_ms=PATIENCE_MS)
    assert (await repartition(party.world.config, SECRET, 4, timeout_ms=PATIENCE_MS))["epoch"] is None
    await party.all_true()


async def test_a_backup_of_before_and_after_is_restored(party: Party, tmp_path: Path, postgres: PostgresServer) -> None:
    world = party.world
    await party.repartition(8)
    await party.gift()
    database = open_database(world.config)
    await dump(database, tmp_path / "book", secret=SECRET, now_ms=now_ms())
    await database.close()
    copy = Config(data=tmp_path / "copy", store=await asyncio.to_thread(postgres.create))
    there = open_database(copy)
    assert (await load(there, tmp_path / "book", secret=SECRET))["partitions"] == 8
    await there.close()
    layouts = await sql(copy, "SELECT partitions FROM layout ORDER BY since_epoch")
    assert layouts == [(4,), (8,)]


@pytest.mark.parametrize("store", ["postgres"], indirect=True)
async def test_coins_asked_for_while_the_number_changes_are_asked_for_again(party: Party) -> None:
    """The grant has read the old number when the change commits (PostgreSQL; SQLite has one writer)."""
    world = party.world
    await world.start_again()
    user = next(user for user in party.people if partition_of(user.id, 4) != partition_of(user.id, 8))
    changing = open_database(world.config)
    held, release = asyncio.Event(), asyncio.Event()

    async def change_slowly(sql: object) -> None:
        await sql.run("UPDATE partition SET generation = generation")  # type: ignore[attr-defined]
        await sql.run("UPDATE book SET partitions = 8")  # type: ignore[attr-defined]
        held.set()
        await release.wait()

    async def grant_waits() -> bool:
        query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return bool(await sql(world.config, query))

    task = asyncio.ensure_future(changing.write(change_slowly))
    await held.wait()
    grant = asyncio.ensure_future(world.edge.book.grant(user.id, 5, now_ms=now_ms()))
    await until(grant_waits)
    release.set()
    await task
    with pytest.raises(Unavailable):
        await grant
    await changing.close()
    assert (await sql(world.config, "SELECT count(*) FROM movement WHERE coins = 5"))[0][0] == 0
