"""Export and erasure on both books: what is gone, what stays, and what comes of a try without a flusher."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livegift.domain.people import User
from livegift.errors import CannotRun, Unavailable
from livegift.flusher import erasing
from livegift.flusher.audit import audit
from livegift.flusher.erasing import erase
from livegift.gifting import Receipt
from livegift.store.dump import TABLES
from livegift.store.persons import Persons
from livegift.store.platform import IsErased, NoSuchUser, Platform
from tests.contract.party import sql
from tests.world import SECRET, Heard, World, send

NAME, WORDS = "Annabelle Q.", "so beautiful tonight"


@pytest.fixture
async def world(valkey: str, tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(erasing, "HEARD_S", 0)  # there is no edge that would have to hear of it
    world = await World.made(valkey, tmp_path, store=store)
    yield world
    await world.close()


async def everything(world: World) -> str:
    """All rows of the book as one text."""
    return repr([await sql(world.config, f"SELECT {columns} FROM {table}") for table, columns in TABLES.items()])


async def gifted(world: World) -> User:
    ann, room = await world.person(NAME, 100), await world.room()
    heard = Heard()
    for _ in range(3):
        answer = await world.edge.gifting.send_gift(send(ann, room, message=WORDS), heard)
        assert isinstance(answer, Receipt)
    await heard.wait_settled(3)
    return ann


async def test_names_and_words_are_gone_from_every_table_and_all_sums_stand(world: World) -> None:
    async with world.edge.running(), world.flushing():
        ann = await gifted(world)
        before = await everything(world)
        assert NAME in before
        assert WORDS in before
        persons = Persons(*world.edge.book.databases)
        told = await persons.export(ann.id)
        assert [one["message"] for one in told if one["record"] == "gift_sent"] == [WORDS] * 3
        assert {"record": "wallet", "coins": 97, "frozen": 0} in told
        report = await erase(world.config, ann.id, by="cli", reason="r")
        assert report.erased.counts == {"messages": 3, "audit_lines": 0, "requests": 0}
        after = await everything(world)
        assert NAME not in after
        assert WORDS not in after
        assert ann.id in after
        kept = world.config.data / "journal-given-up-1.jsonl"
        kept.write_text(NAME)
        again = await erase(world.config, ann.id, by="cli", reason="r")
        assert again.erased.messages == 0
        assert (len(report.notes), len(again.notes)) == (0, 1)
        assert kept.name in again.notes[0]
        assert await world.edge.gifting.balance(ann.id) == 97
    audited = await audit(world.config, SECRET, live=False)
    assert (audited["findings"], audited["drift"]) == ([], 0)


async def test_an_erased_id_is_never_used_again(world: World) -> None:
    async with world.edge.running(), world.flushing():
        platform, room = Platform(*world.edge.book.databases), await world.room()
        await erase(world.config, room.creator_id, by="cli", reason="r")
        assert await world.edge.book.user(room.creator_id) is None
        found = await world.edge.book.room(room.id)
        assert found is not None
        assert (found.title, found.creator_name, found.state) == ("", "", "closed")
        with pytest.raises(IsErased):
            await platform.put_user(User(room.creator_id, "Again", "creator"), by="cli", now_ms=1)
        with pytest.raises(NoSuchUser):
            await platform.put_room("another", "Title", room.creator_id, by="cli", now_ms=1)


async def test_what_waits_in_the_journal_is_waited_for_and_nothing_is_half_erased(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "SETTLE_MS", 200)
    async with world.edge.running():
        async with world.flushing():
            ann, room = await world.person(NAME, 100), await world.room()
        answer = await world.edge.gifting.send_gift(send(ann, room, message=WORDS), Heard())  # and nobody flushes
        assert isinstance(answer, Receipt)
        with pytest.raises(Unavailable, match="wait to be settled"):
            await erase(world.config, ann.id, by="cli", reason="r")
        async with world.flushing():
            report = await erase(world.config, ann.id, by="cli", reason="r")
    assert report.erased.messages == 1
    assert WORDS not in await everything(world)


async def test_nobody_is_nobody(world: World) -> None:
    with pytest.raises(CannotRun, match="nobody"):
        await erase(world.config, "nobody", by="cli", reason="r")
