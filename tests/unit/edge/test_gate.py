"""The gate: few connections in a turn of the loop, the rest waits in the kernel; a closed one leaves them to others."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import pytest

from livegift.edge.gate import ACCEPTED_AT_ONCE, Gate
from tests.world import until

CROWD = 3 * ACCEPTED_AT_ONCE
Knock = Callable[[int], list[socket.socket]]


class Guest(asyncio.Protocol):
    """Notes who has been let in."""

    arrived: int = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        type(self).arrived += 1
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"in")
        transport.close()


@pytest.fixture
def guests() -> type[Guest]:
    return type("Guests", (Guest,), {"arrived": 0})


@pytest.fixture
async def listener() -> AsyncIterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=4 * CROWD) as listening:
        yield listening


@pytest.fixture
def spawned() -> list[asyncio.Task[None]]:
    return []


def gate_of(listener: socket.socket, guests: type[Guest], spawned: list[asyncio.Task[None]]) -> Gate:
    def spawn(work: Coroutine[Any, Any, None]) -> None:
        spawned.append(asyncio.get_running_loop().create_task(work))

    return Gate(listener, lambda _: guests(), spawn=spawn)


@pytest.fixture
def knock(listener: socket.socket) -> Iterator[Knock]:
    with ExitStack() as stack:
        yield lambda count: [
            stack.enter_context(socket.create_connection(listener.getsockname())) for _ in range(count)
        ]


async def test_a_crowd_is_let_in_a_few_in_each_turn(
    listener: socket.socket, guests: type[Guest], spawned: list[asyncio.Task[None]], knock: Knock
) -> None:
    crowd = knock(CROWD)
    gate = gate_of(listener, guests, spawned)
    gate.open()
    counts = [0]
    while guests.arrived < CROWD:
        await asyncio.sleep(0)
        counts.append(len(spawned))
    assert max(after - before for before, after in pairwise(counts)) == ACCEPTED_AT_ONCE
    assert [connection.recv(2) for connection in crowd] == [b"in"] * CROWD
    gate.close()


async def test_whom_a_closed_gate_leaves_waiting_another_lets_in(
    listener: socket.socket, guests: type[Guest], spawned: list[asyncio.Task[None]], knock: Knock
) -> None:
    first, second = (gate_of(listener, guests, spawned) for _ in range(2))
    first.open()
    [one] = knock(1)
    await until(lambda: guests.arrived == 1)
    first.close()
    first.close()
    [two] = knock(1)
    for _ in range(20):
        await asyncio.sleep(0)
    assert guests.arrived == 1
    second.open()
    await until(lambda: guests.arrived == 2)
    assert one.recv(2) == two.recv(2) == b"in"
    second.close()


async def test_while_it_is_crowded_nobody_is_accepted(
    listener: socket.socket, guests: type[Guest], spawned: list[asyncio.Task[None]], knock: Knock
) -> None:
    crowded = [True]
    gate = Gate(
        listener, lambda _: guests(), spawn=gate_of(listener, guests, spawned)._spawn, is_crowded=lambda: crowded[0]
    )
    gate.open()
    [connection] = knock(1)
    for _ in range(50):
        await asyncio.sleep(0)
    assert guests.arrived == 0
    crowded[0] = False
    await until(lambda: guests.arrived == 1)
    assert connection.recv(2) == b"in"
    gate.close()


async def test_without_descriptors_nobody_is_accepted_for_a_moment_and_then_everybody(
    listener: socket.socket,
    guests: type[Guest],
    spawned: list[asyncio.Task[None]],
    knock: Knock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Exhausted:
        """A listening socket of a process that has no descriptor left, twice."""

        def __init__(self) -> None:
            self.refusals = 2

        def accept(self) -> tuple[socket.socket, object]:
            if self.refusals:
                self.refusals -= 1
                raise OSError(24, "Too many open files")
            return listener.accept()

        def setblocking(self, flag: bool) -> None:
            listener.setblocking(flag)

        def fileno(self) -> int:
            return listener.fileno()

    monkeypatch.setattr("livegift.edge.gate.PAUSE_S", 0.01)
    exhausted = Exhausted()
    gate = gate_of(exhausted, guests, spawned)  # type: ignore[arg-type]
    gate.open()
    connections = knock(2)
    await until(lambda: guests.arrived == 2)
    assert exhausted.refusals == 0
    gate.close()
    assert [connection.recv(2) for connection in connections] == [b"in", b"in"]
