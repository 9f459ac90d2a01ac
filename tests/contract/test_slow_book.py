"""A book too slow for a large transaction gets smaller ones, instead of the same one for ever."""

import asyncio
from pathlib import Path

import asyncpg

from livegift.flusher.audit import audit
from tests.postgres import PostgresServer
from tests.world import SECRET, Heard, World, partition_of, send


async def test_a_book_too_slow_for_a_large_transaction_gets_there_in_smaller_ones(
    valkey: str, tmp_path: Path, postgres: PostgresServer
) -> None:
    """At 4 ms a row all that waits takes longer than the second allowed; a few entries do not."""
    url = await asyncio.to_thread(postgres.create)
    world = await World.made(valkey, tmp_path, store=url, sql_timeout_ms=1_000, batch_gifts_max=8)
    async with world.edge.running():
        async with world.flushing():
            room, heard = await world.room(), Heard()
            people = [await world.person(f"Person {n}", 1_000) for n in range(8)]
        assert len({partition_of(one.id, 4) for one in people}) > 1
        sends = [send(one, room) for _ in range(50) for one in people]
        await asyncio.gather(*[world.edge.gifting.send_gift(one, heard) for one in sends])
        connection = await asyncpg.connect(url)
        await connection.execute(
            """CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
               'BEGIN PERFORM pg_sleep(0.004); RETURN NEW; END';
               CREATE TRIGGER slow BEFORE INSERT ON gift FOR EACH ROW EXECUTE FUNCTION slow()"""
        )
        async with world.flushing():
            await heard.wait_settled(400, timeout_s=30)
            assert world.parts.flusher.flushes_failed > 0
            await connection.execute("DROP TRIGGER slow ON gift")
            await connection.close()
            most = world.config.flush_events_max * 4
            sent = 400
            async with asyncio.timeout(30):
                while world.parts.flusher.flush_events_now < most:  # each gift is a commit of its own
                    await world.edge.gifting.send_gift(send(people[0], room), heard)
                    sent += 1
                    await heard.wait_settled(sent)
            report = await audit(world.config, SECRET, live=True)
    await world.close()
    assert report["findings"] == []
    assert report["rows"] == sent + 8
