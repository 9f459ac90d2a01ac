"""A change of the partitions that dies half way, and processes of before it that run on: nothing is charged twice."""

import asyncio
import json
from pathlib import Path

import pytest

from livegift.clock import now_ms
from livegift.domain.identity import partition_of
from livegift.errors import CannotRun, Fault
from livegift.flusher.audit import Audit, audit
from livegift.flusher.older import look_or_accept
from livegift.flusher.process import open_parts
from livegift.flusher.repartition import change
from livegift.gifting import Receipt
from livegift.ledger.keys import LedgerKeys
from livegift.store.dump import dump, load
from livegift.store.open import open_database
from tests.contract.party import Party, sql
from tests.world import SECRET, Edge, Heard, World, send


async def keys_of(world: World, p: int) -> list[str]:
    return sorted([key.decode() async for key in world.client.scan_iter(match=f"{world.keys.partition(p)}*")])


async def test_typed_again_it_drops_what_a_command_that_died_has_left(party: Party) -> None:
    world = party.world
    await world.start_again()
    await change(world.parts, world.parts.book, 2)  # dies here
    await party.all_true()
    assert (await party.repartition(2))["epoch"] is None
    for p in (2, 3):
        assert await keys_of(world, p) == [world.keys.meta(p)]


async def test_an_audit_before_the_first_start_says_what_is_to_be_done(party: Party) -> None:
    await party.world.start_again()
    await change(party.world.parts, party.world.parts.book, 8)
    with pytest.raises(CannotRun, match="start the server"):
        await audit(party.world.config, SECRET, live=False)


async def test_an_old_flusher_that_comes_late_opens_nothing_of_before(party: Party) -> None:
    """It has begun an epoch of partition 3, the command changes 4 to 2, and then it goes on to open."""
    world = party.world
    await world.start_again()
    edge, old = Edge(world), await open_parts(world.config, SECRET)
    recovery = old.flusher.recovery
    await old.flusher.recover_where_needed()
    may_go, has_begun, really_open = asyncio.Event(), asyncio.Event(), recovery._open

    async def slowly(row: object, owner: str) -> bool:
        has_begun.set()
        await may_go.wait()
        return await really_open(row, owner)  # type: ignore[arg-type]

    recovery._open = slowly  # type: ignore[method-assign, assignment]
    victim = next(user for user in party.people if partition_of(user.id, 4) == 3)
    await world.client.hset(world.keys.meta(3), "state", "closed")
    late = asyncio.ensure_future(recovery.recover(3))
    await has_begun.wait()
    await party.repartition(2)
    may_go.set()
    with pytest.raises(CannotRun):
        await late
    await old.close()
    await said_to_end(edge, party, victim=party.people.index(victim))
    await party.all_true()


@pytest.mark.parametrize("partitions", [2, 8])
async def test_an_old_edge_is_told_to_end_whatever_its_sender_was(party: Party, partitions: int) -> None:
    world = party.world
    for victim in range(len(party.people)):
        await world.start_again()
        edge = Edge(world)
        await party.repartition(partitions if victim % 2 == 0 else 4)
        await said_to_end(edge, party, victim=victim)
    await party.all_true()


async def said_to_end(edge: Edge, party: Party, *, victim: int) -> None:
    """An edge of before a change charges nothing, and ends at the first gift it is asked for."""

    async def serve() -> None:
        async with edge.running():
            await edge.gifting.send_gift(send(party.people[victim], party.room), Heard())

    with pytest.raises(ExceptionGroup) as ended:
        await serve()
    assert ended.value.subgroup(CannotRun) is not None
    assert ended.value.subgroup(Fault) is None


async def test_an_edge_that_slept_through_there_and_back_is_told_to_end(party: Party) -> None:
    """There are as many partitions as it knows; but receipts were given in between, in others."""
    await party.world.start_again()
    edge = Edge(party.world)
    await party.repartition(7)
    await party.gift()
    await party.repartition(4)
    await said_to_end(edge, party, victim=0)
    await party.all_true()


async def test_a_wallet_charged_where_it_is_not_stops_that_partition(party: Party) -> None:
    """Whatever hole there may be: an edge that believes in another number of partitions is not believed by the book."""
    world = party.world
    user = party.people[0]
    right, wrong = partition_of(user.id, 4), (partition_of(user.id, 4) + 1) % 4
    await world.start_again()
    batchers = world.edge.ledger.batchers
    batchers[right], batchers[wrong] = batchers[wrong], batchers[right]
    async with world.flushing():
        pass
    async with world.edge.running():
        assert isinstance(await world.edge.gifting.send_gift(send(user, party.room), Heard()), Receipt)
        await world.start_again()
        await world.parts.flusher.recover_where_needed()
        await world.parts.flusher.step()
    assert world.parts.flusher.stopped == {wrong}
    assert (await sql(world.config, "SELECT count(*) FROM gift"))[0][0] == len(party.sent)


def remove_book(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)  # a file is put back; the code under test knows no store
async def test_what_a_later_layout_accepted_is_kept_when_it_is_given_up(party: Party, tmp_path: Path) -> None:
    world = party.world
    database = open_database(world.config)
    await dump(database, tmp_path / "before", secret=SECRET, now_ms=now_ms())
    await database.close()
    await party.repartition(8)
    await world.start_again()
    async with world.edge.running():  # and no flusher
        for user in party.people:
            assert isinstance(await world.edge.gifting.send_gift(send(user, party.room), Heard()), Receipt)
    await world.parts.close()
    await asyncio.to_thread(remove_book, world.config.book_path)
    database = open_database(world.config)
    await load(database, tmp_path / "before", secret=SECRET)
    await database.close()
    world.parts = await open_parts(world.config, SECRET)
    with pytest.raises(CannotRun, match="older than its journal"):
        await world.parts.flusher.recover_where_needed()
    report = await look_or_accept(world.config, accept=True, now_ms=now_ms())
    kept = [json.loads(line) for line in (await asyncio.to_thread(Path(report["journal"]).read_text)).splitlines()]
    assert sorted(line["entry"]["sender_id"] for line in kept if line["kind"] == "gift") == sorted(
        user.id for user in party.people
    )


async def test_a_combo_goes_on_in_its_senders_new_partition(party: Party) -> None:
    """Its end waits for the partition that its newest gift came from: what else came there may not be announced yet."""
    world = party.world
    user = next(user for user in party.people if partition_of(user.id, 4) != partition_of(user.id, 8))
    old, new = partition_of(user.id, 4), partition_of(user.id, 8)
    async with party.running():
        heard = Heard()
        await world.edge.gifting.send_gift(send(user, party.room), heard)
        await heard.wait_settled(1)
    await party.repartition(8)
    await world.start_again()
    parts, combos, due = world.parts, *world.room_keys.all(party.room.id)[4:6]
    await parts.flusher.recover_where_needed()
    await parts.announcer.feed_behind()
    async with world.edge.running():
        await world.edge.gifting.send_gift(send(user, party.room), Heard())
        while await parts.flusher.step():
            pass
        (key,) = [key for key in await world.client.hkeys(combos) if user.id.encode() in key]
        due_ms = int(await world.client.zscore(due, key))
        await parts.announcer.end_combos({old: due_ms + 1, new: due_ms - 1})
        assert await world.client.hexists(combos, key)
        await parts.announcer.end_combos({old: 0, new: due_ms + 1})
        assert not await world.client.hexists(combos, key)


async def test_an_audit_that_meets_a_change_looks_again(party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number that it began with is not the one of its snapshot."""
    really, changed = Audit._pieces, False

    async def meet(self: Audit, keys: LedgerKeys, p: int) -> object:
        nonlocal changed
        if not changed:
            changed = True
            await party.repartition(2)
        return await really(self, keys, p)

    monkeypatch.setattr(Audit, "_pieces", meet)
    report = await audit(party.world.config, SECRET, live=False)
    assert (report["findings"], report["chains"]) == ([], 4)
