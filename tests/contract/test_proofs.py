"""A creator's file of gifts holds with the public key alone, and any change of it is noticed; so is one of the book."""

import asyncio
import copy
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from livegift.domain.proof import GIFT_FIELDS, verify
from livegift.flusher.audit import audit
from livegift.flusher.notary import Notary
from livegift.signing import Signer, is_signed
from livegift.store import checkpoints
from livegift.store.open import open_database
from tests.world import SECRET, Heard, World, send

Document = dict[str, Any]


class Book:
    """A world whose creator has gifts under two checkpoints, from people of all partitions, one of them anonymous."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.notary = Notary(world.config, SECRET)
        self.key = self.notary.signer.public
        self.senders: list[str] = []

    async def gift(self, rounds: int) -> None:
        """Let six new people gift in a new room."""
        self.room = await self.world.room()
        self.creator = self.room.creator_id
        self.people = [await self.world.person(f"P{n}", 100) for n in range(6)]
        self.senders += [one.id for one in self.people]
        await self.gift_again(rounds)

    async def gift_again(self, rounds: int) -> None:
        """Let them gift more: one coin in the first round, two in the second, anonymously."""
        heard = Heard()
        for n in range(rounds):
            for one in self.people:
                gift = send(one, self.room, count=1 + n, message="Hi" if n else None, anonymous=n == 1)
                await self.world.edge.gifting.send_gift(gift, heard)
        await heard.wait_settled(rounds * len(self.people))

    async def proofs(self, since_ms: int = 0, until_ms: int = 2**53 - 1) -> Document:
        database = open_database(self.world.config)
        try:
            told = await checkpoints.proofs_of(
                database, SECRET, self.creator, since_ms=since_ms, until_ms=until_ms, key=self.key
            )
        finally:
            await database.close()
        return dict(json.loads(json.dumps(told)))

    def holds(self, document: Any) -> bool:
        return verify(document, partial(is_signed, self.key)).wrong == []


Booked = Callable[[], AbstractAsyncContextManager[Book]]


@pytest.fixture
def booked(valkey: str, tmp_path: Path, store: str) -> Booked:
    """Such a book, for as long as the block lasts."""

    @asynccontextmanager
    async def made() -> AsyncIterator[Book]:
        world = await World.made(valkey, tmp_path, store=store)
        book = Book(world)
        try:
            async with world.edge.running(), world.flushing():
                await book.gift(1)
                assert await book.notary.make() is not None
                await book.gift_again(2)
                assert await book.notary.make() is not None
                yield book
        finally:
            await book.notary.close()
            await world.close()

    return made


async def test_all_gifts_are_proved_and_no_sender_is_named(booked: Booked) -> None:
    async with booked() as book:
        document = await book.proofs()
        verdict = verify(document, partial(is_signed, book.key))
        assert (verdict.wrong, verdict.gifts, verdict.coins, verdict.points) == ([], 24, 24, 24)
        assert sum(after - before for before, after in verdict.earned.values()) == 24
        assert not any(sender in json.dumps(document) for sender in book.senders)
        assert await book.notary.make() is None  # nothing new
        middle = sorted(gift["ts_ms"] for gift in document["gifts"])[9]
        part = await book.proofs(since_ms=middle)
        assert book.holds(part)
        assert 0 < len(part["gifts"]) < 18
        report = await audit(book.world.config, SECRET, live=True)
        assert (report["findings"], report["checkpoints"]) == ([], 2)


def changed(value: Any) -> Any:
    return value + 1 if isinstance(value, int) else value[:-1] + ("0" if value[-1] != "0" else "1")


async def test_every_change_of_the_file_is_noticed(booked: Booked) -> None:
    async with booked() as book:
        document = await book.proofs()

        def tampered(change: Callable[[Document], object]) -> bool:
            other = copy.deepcopy(document)
            change(other)
            return not book.holds(other)

        for number in range(len(document["gifts"])):
            for field in (*GIFT_FIELDS, "checkpoint"):
                assert tampered(lambda d, n=number, f=field: d["gifts"][n].update({f: changed(d["gifts"][n][f])})), (
                    field
                )
            assert tampered(
                lambda d, n=number: d["gifts"][n]["path"].reverse() or d["gifts"][n]["path"].append("00" * 32)
            )
            assert tampered(lambda d, n=number: d["gifts"].append(d["gifts"][n]))
            assert tampered(lambda d, n=number: d["gifts"][n].pop("points"))
        for number, one in enumerate(document["checkpoints"]):
            assert tampered(lambda d, n=number: d["checkpoints"].pop(n))
            for field in one["body"]:
                assert tampered(lambda d, n=number, f=field: d["checkpoints"][n]["body"].update({f: "x"})), field
            assert tampered(lambda d, n=number: d["checkpoints"][n].update(signature="00" * 64))
        for field in ("format", "creator"):
            assert tampered(lambda d, f=field: d.update({f: "x"}))
        for field in document["totals"]:
            assert tampered(lambda d, f=field: d["totals"].update({f: 1}))
        assert not book.holds([])
        assert not book.holds(None)
        other = Signer(book.world.config.data / "another.key")
        assert verify(document, partial(is_signed, other.public)).wrong


async def test_a_gift_that_is_left_out_in_between_is_missed(booked: Booked) -> None:
    async with booked() as book:
        document = await book.proofs()
        by_partition: dict[int, list[Any]] = {}
        for gift in document["gifts"]:
            by_partition.setdefault(gift["partition"], []).append(gift)
        left_out = next(gifts[1] for gifts in by_partition.values() if len(gifts) > 2)
        document["gifts"].remove(left_out)
        for name, field in (("gifts", "count"), ("coins", "coins"), ("points", "points")):
            document["totals"][name] -= left_out[field]
        [wrong] = verify(document, partial(is_signed, book.key)).wrong
        assert "something is missing" in wrong


TAMPERINGS = (
    "DELETE FROM checkpoint WHERE number = 1",
    "UPDATE checkpoint SET signature = '00' WHERE number = 2",
    "UPDATE gift SET gift_id = 'moon' WHERE seq = (SELECT min(seq) FROM gift)",
    "UPDATE audit_head SET number = number + 1",
)


async def test_a_book_that_was_changed_is_told_by_the_audit(booked: Booked) -> None:
    async with booked() as book:
        database = open_database(book.world.config)
        found: set[str] = set()
        for tampering in TAMPERINGS:
            await database.write(lambda sql, tampering=tampering: sql.run(tampering))  # type: ignore[misc]
            findings = (await audit(book.world.config, SECRET, live=True))["findings"]
            assert isinstance(findings, list)
            assert set(findings) - found, tampering
            found |= set(findings)
        await database.close()


async def test_of_two_notaries_one_signs(booked: Booked) -> None:
    async with booked() as book:
        await book.gift_again(1)
        other = Notary(book.world.config, SECRET)
        made = await asyncio.gather(book.notary.make(), other.make())
        await other.close()
        assert sum(one is not None for one in made) >= 1
        assert book.holds(await book.proofs())


async def test_the_file_is_verified_by_the_command_without_any_book(booked: Booked, tmp_path: Path) -> None:
    async with booked() as book:
        file = tmp_path / "elsewhere" / "luna.json"
        file.parent.mkdir()
        document = await book.proofs()

        def verified(key: str) -> subprocess.CompletedProcess[str]:
            file.write_text(json.dumps(document))
            words = [sys.executable, "-m", "livegift.cli", "verify", str(file), "--key", key, "--json"]
            return subprocess.run(words, capture_output=True, text=True, cwd=file.parent)

        done = verified(book.key)
        assert (done.returncode, json.loads(done.stdout)["points"]) == (0, 24)
        document["gifts"][0]["coins"] += 1
        done = verified(book.key)
        assert (done.returncode, json.loads(done.stdout)["ok"]) == (1, False)
        assert verified("nonsense").returncode == 2
