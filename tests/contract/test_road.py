"""The road of one gift through the real ledger, book, flusher and rooms."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livegift.gifting import Receipt
from livegift.wire.messages import GiftEvent
from tests.world import Heard, World, send, until


@pytest.fixture
async def world(valkey: str, tmp_path: Path, store: str) -> AsyncIterator[World]:
    world = await World.made(valkey, tmp_path, store=store)
    async with world.flushing(), world.edge.running():
        yield world
    await world.close()


async def test_a_gift_is_accepted_settled_and_announced_once(world: World) -> None:
    ann, room, heard = await world.person("Ann", 100), await world.room(), Heard()
    receipt = await world.edge.gifting.send_gift(send(ann, room, count=3), heard)
    assert isinstance(receipt, Receipt), receipt
    assert (receipt.balance, receipt.replayed) == (97, False)
    await heard.wait_settled(1)
    assert heard.settled_ids == [(receipt.gift_event_id, receipt.event_id)]

    async def announced() -> bool:
        view = await world.reader.view(room.id)
        return view is not None and view.totals.coins == 3

    await until(announced)
    view = await world.reader.view(room.id)
    assert view is not None
    assert (view.totals.gifts, view.totals.senders, view.top[0].name, view.top[0].coins_total) == (3, 1, "Ann", 3)
    history = await world.reader.since(room.id, view.epoch, 0)
    assert history is not None
    gifts = [event for fold in history.folds for event in fold.events if isinstance(event, GiftEvent)]
    assert [gift.event_id for gift in gifts] == [receipt.event_id]
    assert gifts[0].combo is not None
    assert gifts[0].combo.total == 3


async def test_one_id_a_thousand_times_is_one_debit_and_one_receipt(world: World) -> None:
    ann, room, heard = await world.person("Ann", 100), await world.room(), Heard()
    one = send(ann, room)
    receipts = await asyncio.gather(*[world.edge.gifting.send_gift(one, heard) for _ in range(1000)])
    assert {(r.event_id, r.balance) for r in receipts if isinstance(r, Receipt)} == {(receipts[0].event_id, 99)}
    assert sum(not r.replayed for r in receipts if isinstance(r, Receipt)) == 1
    assert await world.edge.gifting.balance(ann.id) == 99


async def test_many_balances_at_once_are_few_looks_into_the_book(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, room, heard = await world.person("Ann", 100), await world.room(), Heard()
    cold = [await world.edge.book.create_user(f"Cold {number}", "viewer", 0) for number in range(300)]
    await world.edge.gifting.send_gift(send(ann, room, count=3), heard)
    looks: list[int] = []
    read_cold = world.edge.book.read_cold

    async def counted(users: list[str], stripes: list[tuple[int, str]], since_ms: int) -> object:
        looks.append(len(users))
        return await read_cold(users, stripes, since_ms)

    monkeypatch.setattr(world.edge.ledger, "_read_cold", counted)
    people = [ann, *cold, ann]
    balances = await asyncio.gather(*(world.edge.gifting.balance(person.id) for person in people))
    assert balances == [97, *[0] * 300, 97]
    assert len(looks) <= 2
    assert sum(looks) == 300
