"""Another number of partitions: every coin stays where its owner finds it, every proof holds, old receipts are true."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from livegift.clock import now_ms
from livegift.config import Config
from livegift.domain.identity import partition_of
from livegift.domain.people import RoomRow, User
from livegift.engine import unlink_matching
from livegift.errors import CannotRun, Unavailable
from livegift.flusher.audit import audit
from livegift.flusher.repartition import change, repartition
from livegift.gifting import Receipt, SendGift
from livegift.store.dump import dump, load
from livegift.store.open import open_database
from livegift.store.repartition import Changed
from tests.postgres import PostgresServer
from tests.world import SECRET, Heard, World, send, until


class Party:
    """Some people with coins, a room, and the gifts they have sent with their receipts."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.people: list[User] = []
        self.sent: list[tuple[SendGift, Receipt]] = []
        self.room: RoomRow

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """New processes, until the end of the block."""
        await self.world.start_again()
        async with self.world.edge.running(), self.world.flushing():
            yield

    async def begin(self) -> None:
        async with self.running():
            self.room = await self.world.room()
            self.people = [await self.world.person(f"P{n}", 100) for n in range(12)]
        await self.gift()

    async def gift(self) -> None:
        """Let everybody send one gift, settled and seen."""
        async with self.running():
            heard = Heard()
            for user in self.people:
                one = send(user, self.room, count=3)
                receipt = await self.world.edge.gifting.send_gift(one, heard)
                assert isinstance(receipt, Receipt)
                self.sent.append((one, receipt))
            await heard.wait_settled(len(self.people))
            await until(self.is_seen)

    async def is_seen(self) -> bool:
        view = await self.world.reader.view(self.room.id)
        return view is not None and view.totals.gifts == 3 * len(self.sent)

    async def all_true(self) -> None:
        """Every receipt is still answered as it was given, and every balance is what the gifts have left."""
        async with self.running():
            for one, receipt in self.sent:
                again = await self.world.edge.gifting.send_gift(one, Heard())
                assert again == Receipt(
                    receipt.gift_event_id, receipt.event_id, receipt.balance, replayed=True, settled=True
                )
            left = 100 - 3 * len(self.sent) // len(self.people)
            for user in self.people:
                assert await self.world.edge.gifting.balance(user.id) == left
            report = await audit(self.world.config, SECRET, live=True)
            assert (report["findings"], report["wallets"]) == ([], len(self.people))

    async def repartition(self, partitions: int) -> dict[str, int | None]:
        return await repartition(self.world.config, SECRET, partitions)


@pytest.fixture
async def party(valkey: str, tmp_path: Path, store: str) -> AsyncIterator[Party]:
    world = await World.made(valkey, tmp_path, store=store, send_deadline_ms=3_000)
    party = Party(world)
    await party.begin()
    yield party
    await world.close()


async def sql(config: Config, query: str, *parameters: str | int) -> list[tuple[object, ...]]:
    database = open_database(config)
    try:
        return await database.write(lambda sql: sql.rows(query, *parameters))
    finally:
        await database.close()


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
    assert [key async for key in party.world.client.scan_iter(match=f"{party.world.keys.partition(before)}*")] == []


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
        assert [await world.edge.gifting.balance(user.id) for user in party.people] == [97] * 12


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
            rows = await world.edge.book.wallet_rows(debtor.id, 10)
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
            await repartition(world.config, SECRET, 8)
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
    await change(world.parts, 8)
    with pytest.raises(CannotRun, match="8 partitions"):
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


async def test_a_number_out_of_bounds_or_the_same_changes_nothing(party: Party) -> None:
    for bad in (0, -1, 1_025):
        with pytest.raises(CannotRun, match="must be 1 to"):
            await repartition(party.world.config, SECRET, bad)
    assert (await repartition(party.world.config, SECRET, 4))["epoch"] is None
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


async def test_coins_asked_for_while_the_number_changes_are_asked_for_again(party: Party) -> None:
    """The grant has read the old number when the change commits (PostgreSQL; SQLite has one writer)."""
    world = party.world
    if world.config.store == "sqlite":
        return
    await world.start_again()
    user = next(user for user in party.people if partition_of(user.id, 4) != partition_of(user.id, 8))
    changing = open_database(world.config)
    held, release = asyncio.Event(), asyncio.Event()

    async def change_slowly(sql: object) -> None:
        await sql.run("UPDATE partition SET generation = generation")  # type: ignore[attr-defined]
        await sql.run("UPDATE book SET partitions = 8")  # type: ignore[attr-defined]
        held.set()
        await release.wait()

    task = asyncio.ensure_future(changing.write(change_slowly))
    await held.wait()
    grant = asyncio.ensure_future(world.edge.book.grant(user.id, 5, now_ms=now_ms()))
    await asyncio.sleep(0.3)
    release.set()
    await task
    with pytest.raises(Unavailable):
        await grant
    await changing.close()
    assert (await sql(world.config, "SELECT count(*) FROM movement WHERE coins = 5"))[0][0] == 0
