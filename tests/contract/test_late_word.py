"""A moderator's or a platform's word that comes while somebody is let in holds for them, too."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from livegift.clock import now_ms
from livegift.config import Config
from livegift.domain.action import Action
from livegift.domain.moderation import EVERYWHERE, FOREVER_MS, Sanction
from livegift.edge.commands import authenticate, perform
from livegift.edge.context import EdgeContext
from livegift.edge.limits import Limits
from livegift.edge.revocations import Revocations
from livegift.edge.sanctions import Sanctions
from livegift.identity.claims import Claims
from livegift.identity.identity import Identity
from livegift.identity.own import mint
from livegift.store.migrate import prepare_book
from livegift.store.moderation import Moderation
from livegift.store.open import open_database
from livegift.store.platform import Platform
from livegift.wire.messages import Connect, Connected, Message, Subscribe
from livegift.wire.session import Close, Effect, Reply, Session
from tests.world import SECRET

BY = Action(actor="user:mod", verb="user.ban", subject="user:ann")


class Peer:
    """A connection as far as its commands know it; notes what it is told."""

    def __init__(self, context: EdgeContext) -> None:
        self.context = context
        self.session = Session()
        self.claims: Claims | None = None
        self.rooms: tuple[str, ...] = ()
        self.is_open = True
        self.told: list[Any] = []

    def send(self, message: Message) -> None:
        self.told.append(message)

    def carry_out(self, effects: list[Effect]) -> None:
        self.told += [one.message if isinstance(one, Reply) else one for one in effects]

    def become(self, claims: Claims) -> None:
        self.claims = claims
        self.context.remember(claims.user, self)  # type: ignore[arg-type]

    def leave(self, room_id: str) -> None:
        self.rooms = tuple(room for room in self.rooms if room != room_id)
        self.context.hub.leave(self, room_id)  # type: ignore[arg-type]

    def close(self, code: int, reason: str) -> None:
        self.told.append(Close(code, reason))


class Edge:
    """The doors of an edge on a real book; whatever lies behind them waits for ``meanwhile``."""

    def __init__(self, platform: Platform, moderation: Moderation) -> None:
        self.platform, self.moderation = platform, moderation
        self.revocations, self.sanctions = Revocations(platform), Sanctions(moderation)
        self.inside: set[str] = set()
        self.meanwhile: Any = None
        nothing: Any = None
        config = Config()
        self.context = EdgeContext(
            config=config,
            secret=SECRET,
            limits=Limits(config),
            identity=Identity(SECRET),
            clean=lambda text: text,
            platform=platform,
            keyring=nothing,
            revocations=self.revocations,
            moderation=moderation,
            sanctions=self.sanctions,
            gifting=SimpleNamespace(balance=self.balance, room=self.room),  # type: ignore[arg-type]
            book=nothing,
            hub=SimpleNamespace(join=self.join, leave=lambda _, room: self.inside.discard(room)),  # type: ignore[arg-type]
            **dict.fromkeys(("oidc", "stream_rooms", "hooks", "cursors"), nothing),
            **dict.fromkeys(("wheel", "admission", "tasks", "counters"), nothing),
        )

    async def balance(self, _: str) -> int:
        await self.meanwhile()
        return 7

    async def room(self, room_id: str) -> Any:
        return SimpleNamespace(id=room_id, creator_id="luna")

    async def join(self, _: object, room_id: str, *__: object) -> None:
        await self.meanwhile()
        self.inside.add(room_id)

    async def revoke(self) -> None:
        at_ms = now_ms()
        await self.platform.revoke("ann", by="cli", reason="r", before_ms=at_ms, until_ms=at_ms + 60_000)
        await self.revocations.look()

    async def ban(self, room_id: str) -> None:
        await self.moderation.put(Sanction(room_id, "ann", "ban", FOREVER_MS), BY, now_ms=1)
        await self.sanctions.look()


@pytest.fixture
async def edge(tmp_path: Path, store: str) -> AsyncIterator[Edge]:
    database = open_database(Config(data=tmp_path, store=store))
    await prepare_book(database, partitions=1, now_ms=0, demo=False)
    yield Edge(Platform(database, database), Moderation(database, database))
    await database.close()


def codes(told: list[Any]) -> list[Any]:
    return [one.code if isinstance(one, Close) else one.error.code if hasattr(one, "error") else one for one in told]


async def connect(edge: Edge) -> Peer:
    peer = Peer(edge.context)
    await authenticate(peer, Connect(id=1, token=mint(SECRET, "ann", "Ann", "viewer", 60)))  # type: ignore[arg-type]
    return peer


async def test_a_token_that_is_revoked_while_its_balance_is_read_opens_nothing(edge: Edge) -> None:
    edge.meanwhile = edge.revoke
    peer = await connect(edge)
    assert codes(peer.told) == ["token_expired", 4401]
    assert (peer.claims, edge.context.people) == (None, {})


async def test_who_is_banned_while_the_balance_is_read_does_not_come_in(edge: Edge) -> None:
    edge.meanwhile = lambda: edge.ban(EVERYWHERE)
    peer = await connect(edge)
    assert codes(peer.told) == ["banned", 4403]
    assert peer.claims is None


async def test_who_is_put_out_while_they_are_let_in_stands_outside(edge: Edge) -> None:
    edge.meanwhile = lambda: asyncio.sleep(0)
    peer = await connect(edge)
    assert isinstance(peer.told[0], Connected)
    edge.meanwhile = lambda: edge.ban("r1")
    await perform(peer, Subscribe(id=2, room="r1"))  # type: ignore[arg-type]
    assert (edge.inside, peer.rooms) == (set(), ())
    assert codes(peer.told[1:]) == ["banned", "banned"]  # the push, and the answer to the command
    assert peer.told[2].id == 2
