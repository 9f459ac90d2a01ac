"""What only PostgreSQL can do to us: stand behind a pooler, hang, end its sessions, refuse a password."""

import asyncio
import os
import signal
from pathlib import Path

import asyncpg
import pytest

from livegift.check import Finding, check
from livegift.config import Config
from livegift.errors import CannotRun, Unavailable
from livegift.flusher.audit import audit
from livegift.store.migrate import schema_known
from livegift.store.open import open_book, open_database, prepare
from livegift.store.sql import Sql
from tests.postgres import PostgresServer, running_pooler
from tests.world import SECRET, Heard, World, send


@pytest.fixture
async def url(postgres: PostgresServer) -> str:
    return await asyncio.to_thread(postgres.create)


async def test_everything_works_through_a_pooler_in_transaction_mode(
    valkey: str, tmp_path: Path, postgres: PostgresServer, url: str
) -> None:
    with running_pooler(postgres) as pooled:
        world = await World.made(valkey, tmp_path, store=pooled(url))
        async with world.edge.running(), world.flushing():
            room, heard = await world.room(), Heard()
            people = [await world.person(f"Person {n}", 100) for n in range(5)]
            await asyncio.gather(
                *[
                    world.edge.gifting.send_gift(send(one, room, message="hi"), heard)
                    for one in people
                    for _ in range(20)
                ]
            )
            await heard.wait_settled(100)
            report = await audit(world.config, SECRET, live=True)
        await world.close()
    assert report["findings"] == []
    assert report["rows"] == 105


async def test_a_server_that_hangs_is_unavailable_in_time_and_used_again_afterwards(
    tmp_path: Path, postgres: PostgresServer, url: str
) -> None:
    config = Config(data=tmp_path, store=url, sql_timeout_ms=1_000)
    await prepare(config)
    book = open_book(config)
    await book.facts()
    pids = postgres.pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(3):
            async with asyncio.timeout(20):  # else it hangs with the server
                with pytest.raises(Unavailable, match="did not answer"):
                    await book.facts()
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    assert (await book.facts()).partitions == 4
    await book.close()


async def test_sessions_ended_by_the_server_are_a_fault_and_the_next_call_works(tmp_path: Path, url: str) -> None:
    config = Config(data=tmp_path, store=url)
    await prepare(config)
    database = open_database(config, connections_max=2)

    async def die(sql: Sql) -> None:
        await sql.run("UPDATE book SET incarnation = 99")
        await sql.row("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Unavailable):
        await database.write(die)
    assert await database.read(lambda sql: sql.row("SELECT incarnation FROM book")) == (1,)
    await database.close()


async def test_who_is_cancelled_leaves_no_transaction_behind(tmp_path: Path, url: str) -> None:
    config = Config(data=tmp_path, store=url)
    await prepare(config)
    database = open_database(config, connections_max=1)
    inside = asyncio.Event()

    async def wait(sql: Sql) -> None:
        await sql.run("UPDATE book SET incarnation = 99")
        inside.set()
        await sql.row("SELECT pg_sleep(60)")

    call = asyncio.create_task(database.write(wait))
    await inside.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await database.write(lambda sql: sql.row("SELECT incarnation FROM book")) == (1,)
    await database.close()


async def test_a_database_that_is_not_there_is_one_sentence_without_the_password(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    config = Config(data=tmp_path, store=postgres.url("nowhere").replace("livegift@", "livegift:geheim@"))
    with pytest.raises(CannotRun, match="nowhere") as refused:
        await prepare(config)
    assert "geheim" not in str(refused.value)


async def test_check_tells_whether_the_book_answers(tmp_path: Path, postgres: PostgresServer, url: str) -> None:
    async def book_of(store: str) -> Finding:
        found = await check(Config(data=tmp_path, store=store, port=0, admin_port=0, sql_timeout_ms=500))
        return next(finding for finding in found if finding.what in ("book", "setting"))

    assert (await book_of(url)).mend is None
    assert (await book_of(postgres.url("nowhere"))).mend
    assert (await book_of("postgresql://livegift@127.0.0.1:1/book")).mend
    assert "must be sqlite or postgresql://" in (await book_of("mysql://me:geheim@db/book")).found
    assert "geheim" not in (await book_of("mysql://me:geheim@db/book")).found


async def test_several_processes_may_prepare_one_book(tmp_path: Path, url: str) -> None:
    config = Config(data=tmp_path, store=url, demo=True)
    await asyncio.gather(*[prepare(config) for _ in range(6)])
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT count(*) FROM partition") == 4
    assert await connection.fetchval("SELECT count(*) FROM schema_version") == schema_known()
    await connection.close()
