"""What edges believe of rooms, catalogue and rate, while the book answers and while it does not."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from livegift.clock import monotonic_ms, now_ms
from livegift.config import Config
from livegift.errors import Unavailable
from livegift.gifting import Receipt
from livegift.store import directory
from livegift.store.directory import Directory
from livegift.store.open import open_book, prepare
from tests.postgres import PostgresServer
from tests.world import Heard, World, send


@contextmanager
def hanging(server: PostgresServer) -> Iterator[None]:
    pids = server.pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):  # one that was about to end has ended
                os.kill(pid, signal.SIGCONT)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """By how much the directory's clock is ahead, in ms."""
    ahead = [0]
    monkeypatch.setattr(directory, "monotonic_ms", lambda: monotonic_ms() + ahead[0])
    return ahead


async def test_a_book_that_hangs_delays_a_gift_by_little_and_the_next_by_nothing(
    valkey: str, tmp_path: Path, postgres: PostgresServer, later: list[int]
) -> None:
    world = await World.made(valkey, tmp_path, store=await asyncio.to_thread(postgres.create))
    async with world.edge.running():
        async with world.flushing():
            ann, room, heard = await world.person("Ann", 100), await world.room(), Heard()
            await world.edge.gifting.send_gift(send(ann, room), heard)
        later[0] += directory.BELIEVE_MS
        with hanging(postgres):
            took_ms = []
            for _ in range(2):
                started = monotonic_ms()
                answers = await asyncio.gather(
                    *[world.edge.gifting.send_gift(send(ann, room), heard) for _ in range(20)]
                )
                took_ms.append(monotonic_ms() - started)
                assert all(isinstance(answer, Receipt) for answer in answers)
        # Room, catalogue and rate are waited for one after the other, but each only once and not to their time-outs.
        assert took_ms[0] < world.config.sql_timeout_ms
        assert took_ms[1] < directory.PATIENCE_MS
    await world.close()


async def test_what_was_never_read_is_unavailable_and_what_has_changed_is_believed_in_time(
    tmp_path: Path, postgres: PostgresServer, later: list[int]
) -> None:
    config = Config(data=tmp_path, store=await asyncio.to_thread(postgres.create), demo=True, sql_timeout_ms=1_000)
    await prepare(config)
    book = open_book(config)
    edge, fresh = Directory(book), Directory(book)
    room = await edge.room("r1")
    assert room is not None
    await book.close_room("r1", now_ms())
    assert await edge.room("r1") == room
    with hanging(postgres):
        later[0] += directory.BELIEVE_MS
        assert await edge.room("r1") == room
        with pytest.raises(Unavailable):
            await fresh.room("r1")
    later[0] += directory.SILENT_BELIEVE_MS
    closed = await edge.room("r1")
    assert closed is not None
    assert closed.closed_at_ms is not None
    assert await fresh.room("r1") == closed
    await book.close()
