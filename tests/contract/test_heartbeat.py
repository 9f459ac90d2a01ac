"""Pings over real sockets, at times of our choosing: a dead peer is closed, and a slow one is not."""

import asyncio
import socket
from functools import partial
from types import SimpleNamespace
from typing import Any

from livegift.config import Config
from livegift.edge.connection import Connection
from livegift.edge.limits import Limits
from tests.world import until

CONFIG = Config(ping_ms=60_000, pong_ms=300)
BUFFER_BYTES = 4_608
FAR_MS = 1 << 60
START_MS = 1_000_000


def context() -> Any:
    """As much of an edge as a connection with no room needs."""
    return SimpleNamespace(
        config=CONFIG,
        limits=Limits(CONFIG),
        connections=set(),
        hub=SimpleNamespace(lags=lambda viewer, rooms: False),
        forget=lambda user, connection: None,
    )


class Peer(Connection):
    """A connection that is past its handshake, and whose clock is the test's."""

    context = context()


async def connected() -> tuple[Peer, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        peer.connect(server.getsockname())
        ours, _ = server.accept()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
    peer.setblocking(False)
    _, connection = await asyncio.get_running_loop().connect_accepted_socket(Peer, ours)
    connection._state, connection._parser = "open", None
    connection.claims = SimpleNamespace(user="u", expires_ms=FAR_MS)  # type: ignore[assignment]
    return connection, peer


def ping(connection: Peer) -> int:
    """Let it send a ping; return when the pong is due."""
    connection._ping_at_ms = START_MS
    due_ms = connection.tick(START_MS)
    assert due_ms == START_MS + CONFIG.pong_ms
    return due_ms


async def until_still(connection: Peer) -> int:
    """Wait until the peer's kernel takes no more, and return how much it has taken."""
    taken: list[int | None] = []

    def is_still() -> bool:
        taken.append(connection.taken_bytes())
        return len(taken) > 20 and len(set(taken[-20:])) == 1

    await until(is_still)
    assert taken[-1] is not None
    return taken[-1]


def has_taken_more(connection: Peer, than: int) -> bool:
    """Whether the peer's kernel has taken something since."""
    taken = connection.taken_bytes()
    return taken is None or taken > than


async def test_a_peer_that_has_read_everything_and_does_not_answer_is_closed() -> None:
    connection, peer = await connected()
    due_ms = ping(connection)
    await until(lambda: connection.taken_bytes() is None)
    assert connection.tick(due_ms) is None
    await until(lambda: connection._transport is None)
    peer.close()


async def test_a_peer_that_is_behind_lives_as_long_as_it_reads() -> None:
    connection, peer = await connected()
    connection.put(bytes(60_000))
    before = await until_still(connection)
    due_ms = ping(connection)
    for _ in range(3):
        peer.recv(8_192)
        await until(partial(has_taken_more, connection, before))
        before = await until_still(connection)
        next_ms = connection.tick(due_ms)
        assert next_ms is not None
        due_ms = next_ms
    assert connection.tick(due_ms) is None  # it has stopped
    await until(lambda: connection._transport is None)
    peer.close()


async def test_a_pong_says_that_all_is_well() -> None:
    connection, peer = await connected()
    due_ms = ping(connection)
    peer.send(b"\x8a\x80\0\0\0\0")
    await until(lambda: connection._pong_due_ms == 0)
    assert connection.tick(due_ms) == START_MS + CONFIG.ping_ms
    connection._abort()
    peer.close()
