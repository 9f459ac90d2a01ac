"""Sanctions and revocations in both books, and an edge that hears no hint: it looks, and knows."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livegift.clock import now_ms
from livegift.config import Config
from livegift.domain.action import Action
from livegift.domain.moderation import EVERYWHERE, FOREVER_MS, Policy, Sanction
from livegift.edge.revocations import Revocations
from livegift.edge.sanctions import Sanctions
from livegift.identity.claims import Claims
from livegift.store import audit_log
from livegift.store.migrate import prepare_book
from livegift.store.moderation import Moderation
from livegift.store.open import open_database
from livegift.store.platform import Platform, Revocation
from livegift.store.sql import Database
from tests.world import until

BY = Action(actor="user:mod", verb="user.ban", subject="user:ann")


@pytest.fixture
async def book(tmp_path: Path, store: str) -> AsyncIterator[Database]:
    database = open_database(Config(data=tmp_path, store=store), connections_max=4)
    await prepare_book(database, partitions=1, now_ms=0, demo=False)
    yield database
    await database.close()


async def test_an_edge_reads_only_what_has_changed(book: Database) -> None:
    moderation = Moderation(book, book)
    await asyncio.gather(*(moderation.put(Sanction("r1", f"u{n}", "ban", FOREVER_MS), BY, now_ms=n) for n in range(10)))
    newest, found = await moderation.since(0)
    assert (newest, {one.user_id for one in found}) == (10, {f"u{n}" for n in range(10)})
    assert await moderation.since(newest) == (10, [])
    await moderation.put(Sanction("r1", "u3", "ban", 0), BY, now_ms=11)
    assert await moderation.since(newest) == (11, [Sanction("r1", "u3", "ban", 0)])
    assert len(await moderation.of_room("r1", 1)) == 9
    assert len(await book.read(audit_log.lines)) == 11
    assert await book.read(audit_log.broken_at) is None


async def test_without_any_hint_a_moderators_word_is_known_soon(book: Database) -> None:
    moderation = Moderation(book, book)
    sanctions, begun = Sanctions(moderation), list[Sanction]()
    sanctions.on_ban(begun.append)
    running = asyncio.create_task(sanctions.run())
    ban, mute = Sanction("r1", "ann", "ban", FOREVER_MS), Sanction(EVERYWHERE, "ann", "mute", FOREVER_MS)
    for one in (ban, mute):
        await moderation.put(one, BY, now_ms=1)
    await until(lambda: sanctions.holds("ban", "ann", "r1") and sanctions.holds("mute", "ann", "r2"))
    assert begun == [ban]
    assert not sanctions.holds("ban", "ann", "r2")
    assert not sanctions.holds("ban", "ben", "r1")
    await moderation.put(Sanction("r1", "ann", "ban", 0), BY, now_ms=2)
    await until(lambda: not sanctions.holds("ban", "ann", "r1"))
    assert sanctions.holds("mute", "ann", "r1")
    running.cancel()


async def test_without_any_hint_a_revocation_is_known_soon_and_later_tokens_are_good(book: Database) -> None:
    platform = Platform(book, book)
    revocations, heard = Revocations(platform), list[Revocation]()
    revocations.on_revoked(heard.append)
    running = asyncio.create_task(revocations.run())
    at_ms = now_ms()

    def claims(issued_ms: int) -> Claims:
        return Claims("ann", "Ann", "viewer", FOREVER_MS, issued_ms)

    await platform.revoke("ann", by="cli", reason="r", before_ms=at_ms, until_ms=at_ms + 60_000)
    await until(lambda: revocations.ends(claims(at_ms)))
    assert [revocations.ends(claims(issued)) for issued in (0, at_ms, at_ms + 1)] == [True, True, False]
    await platform.revoke("ann", by="cli", reason="r", before_ms=at_ms + 5, until_ms=at_ms + 60_000)
    await until(lambda: revocations.ends(claims(at_ms + 5)))
    assert len(heard) == 2
    running.cancel()


async def test_a_policy_comes_back_as_it_was_written(book: Database) -> None:
    moderation = Moderation(book, book)
    assert await moderation.policy("luna") == Policy()
    for wanted in (Policy(gifts=False, allow=("rose",), deny=("moon",), min_coins=5), Policy(allow=())):
        await moderation.set_policy("luna", wanted, by="user:luna", now_ms=1)
        assert await moderation.policy("luna") == wanted
    [_, second] = await book.read(audit_log.lines)
    assert (second.action.before["min_coins"], second.action.after["min_coins"]) == (5, 1)


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (Policy(), None),
        (Policy(gifts=False), "not_wanted"),
        (Policy(min_coins=6), "not_wanted"),
        (Policy(min_coins=5), None),
        (Policy(deny=("rose",), allow=("rose",)), "not_wanted"),
        (Policy(allow=()), "not_wanted"),
        (Policy(messages=False), "not_wanted"),
        (Policy(anonymous=False), "not_wanted"),
    ],
)
def test_what_a_creator_does_not_take_is_refused(policy: Policy, code: str | None) -> None:
    assert policy.refusal_of("rose", 5, is_anonymous=True, has_message=True) == code
