"""A backup is one moment of a running book; what is restored is that, whole, or nothing at all."""

import asyncio
import gzip
from pathlib import Path

import pytest

from livegift.config import Config
from livegift.errors import CannotRun
from livegift.flusher.audit import audit
from livegift.flusher.older import look_or_accept
from livegift.gifting import Receipt
from livegift.store import audit_log
from livegift.store.dump import SINCE_SCHEMA, TABLES, dump, load
from livegift.store.open import open_database
from livegift.store.sql import Row
from tests.postgres import PostgresServer
from tests.world import SECRET, Heard, World, send


async def backup_of(world: World, path: Path) -> dict[str, object]:
    database = open_database(world.config)
    try:
        return await dump(database, path, secret=SECRET, now_ms=1)
    finally:
        await database.close()


async def restored(config: Config, path: Path, *, secret: bytes = SECRET) -> dict[str, object]:
    config.data.mkdir(exist_ok=True)
    database = open_database(config)
    try:
        return await load(database, path, secret=secret)
    finally:
        await database.close()


async def rows_of(config: Config) -> dict[str, list[Row]]:
    database = open_database(config)
    try:
        return {
            table: sorted(await database.read(lambda sql, t=table: sql.rows(f"SELECT {TABLES[t]} FROM {t}")), key=repr)
            for table in TABLES
        }
    finally:
        await database.close()


@pytest.fixture(params=["sqlite", "postgres"])
async def other(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    """Where a backup is restored to: both kinds, whatever kind it came from."""
    if request.param == "sqlite":
        return Config(data=tmp_path / "other")
    server: PostgresServer = request.getfixturevalue("postgres")
    return Config(data=tmp_path / "other", store=await asyncio.to_thread(server.create))


async def test_a_backup_beside_a_running_server_comes_back_row_for_row(
    valkey: str, tmp_path: Path, store: str, other: Config
) -> None:
    world = await World.made(valkey, tmp_path / "world", store=store)
    async with world.edge.running(), world.flushing():
        room, heard = await world.room(), Heard()
        people = [await world.person(f"Person {n}", 1_000) for n in range(4)]
        sends = [send(one, room, message="für dich", anonymous=n % 2 == 0) for one in people for n in range(50)]
        async with asyncio.TaskGroup() as tasks:
            for one in sends:
                tasks.create_task(world.edge.gifting.send_gift(one, heard))
            # Under load: the snapshot is of one moment, and its chains and balances agree (load recomputes them).
            await backup_of(world, tmp_path / "early")
        await heard.wait_settled(len(sends))
    # The flusher has ended: what stands now is what the backup holds.
    header = await backup_of(world, tmp_path / "late")
    expected = await rows_of(world.config)
    await world.close()
    assert await restored(other, tmp_path / "late") == header
    assert await rows_of(other) == expected
    early = Config(data=tmp_path / "from-early")
    assert (await restored(early, tmp_path / "early"))["incarnation"] == 1


@pytest.mark.parametrize("damage", ["cut", "flipped", "tampered", "nonsense", "empty"])
async def test_a_damaged_backup_changes_nothing(valkey: str, tmp_path: Path, damage: str, other: Config) -> None:
    world = await World.made(valkey, tmp_path / "world")
    async with world.edge.running(), world.flushing():
        ann, room, heard = await world.person("Ann", 50), await world.room(), Heard()
        await world.edge.gifting.send_gift(send(ann, room, count=5, message="look here"), heard)
        await heard.wait_settled(1)
    path = tmp_path / "backup"
    await backup_of(world, path)
    await world.close()
    whole = path.read_bytes()
    plain = gzip.decompress(whole)
    path.write_bytes(
        {
            "cut": whole[: len(whole) // 2],
            "flipped": whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:],
            "tampered": gzip.compress(plain.replace(b"look here", b"look away")),
            "nonsense": b"PK\x03\x04" + whole,
            "empty": b"",
        }[damage]
    )
    with pytest.raises(CannotRun, match="no backup that can be read"):
        await restored(other, path)
    path.write_bytes(whole)
    assert (await restored(other, path))["rows"], "what failed has left nothing in the way"


async def test_a_backup_goes_nowhere_where_a_book_is_or_its_secret_is_not(
    valkey: str, tmp_path: Path, store: str, other: Config
) -> None:
    world = await World.made(valkey, tmp_path / "world", store=store)
    await backup_of(world, tmp_path / "backup")
    with pytest.raises(CannotRun, match="book already"):
        await restored(world.config, tmp_path / "backup")
    with pytest.raises(CannotRun, match="another secret"):
        await restored(other, tmp_path / "backup", secret=b"x" * 32)
    with pytest.raises(CannotRun, match="exists"):
        await backup_of(world, tmp_path / "backup")
    await world.close()


async def test_a_restored_older_book_is_refused_until_it_is_accepted(
    valkey: str, tmp_path: Path, store: str, other: Config
) -> None:
    world = await World.made(valkey, tmp_path / "world", store=store)
    async with world.edge.running(), world.flushing():
        ann, room, heard = await world.person("Ann", 50), await world.room(), Heard()
        kept = send(ann, room, count=2)
        first = await world.edge.gifting.send_gift(kept, heard)
        await heard.wait_settled(1)
        await backup_of(world, tmp_path / "backup")
        lost = send(ann, room, count=3, message="lost")
        gone = await world.edge.gifting.send_gift(lost, heard)
        await heard.wait_settled(2)
    await restored(other, tmp_path / "backup")
    config = Config(
        data=other.data, store=other.store, redis_url=valkey, redis_prefix=world.config.redis_prefix, demo=True
    )
    older = await World.made(valkey, other.data, redis_prefix_of=world, store=other.store)
    with pytest.raises(CannotRun, match="accept-older-book"):
        await older.parts.flusher.recover_where_needed()
    await older.parts.close()
    await older.client.aclose()

    looked = await look_or_accept(config, accept=False, now_ms=1_000)
    assert looked["older"]
    assert looked["journal"] is None
    accepted = await look_or_accept(config, accept=True, now_ms=1_000)
    assert accepted["incarnation"] == 2
    database = open_database(config)
    [line] = await database.read(audit_log.lines)
    await database.close()
    assert (line.action.verb, line.action.subject, line.action.after) == (
        *("book.accept_older", "book:2"),
        {"incarnation": 2},
    )
    assert line.action.before == {"incarnation": 1, "ahead": accepted["partitions"]}
    assert sum(one["coins_in_journal"] for one in accepted["partitions"]) == 3
    given_up = await asyncio.to_thread(Path(accepted["journal"]).read_text)
    assert lost.gift_event_id.replace("-", "") in given_up
    assert not (await look_or_accept(config, accept=True, now_ms=2_000))["older"]

    after = await World.made(valkey, other.data, redis_prefix_of=world, store=other.store)
    async with after.edge.running(), after.flushing():
        heard = Heard()
        # What the book holds keeps its receipt; what it lacks is done anew, once, under another event id.
        assert isinstance(first, Receipt)
        assert isinstance(gone, Receipt)
        again = await after.edge.gifting.send_gift(kept, heard)
        assert isinstance(again, Receipt)
        assert (again.replayed, again.balance) == (True, 48)
        anew = await after.edge.gifting.send_gift(lost, heard)
        assert isinstance(anew, Receipt)
        assert (anew.replayed, anew.balance) == (False, 45)
        assert anew.event_id != gone.event_id
        await heard.wait_settled(1)
        assert (await audit(after.config, SECRET, live=True))["findings"] == []
    await after.close()
    await world.close()


async def test_a_backup_of_before_layouts_is_restored_with_one(
    valkey: str, tmp_path: Path, other: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await World.made(valkey, tmp_path, partitions=3)
    with monkeypatch.context() as before:
        before.setattr("livegift.store.dump.schema_known", lambda: 1)
        first = {name: columns for name, columns in TABLES.items() if name not in SINCE_SCHEMA}
        before.setattr("livegift.store.dump.TABLES", first)
        await backup_of(world, tmp_path / "old")
    await world.close()
    await restored(other, tmp_path / "old")
    assert (await rows_of(other))["layout"] == [(0, 3)]
    assert len((await rows_of(other))["audit_head"]) == 1
