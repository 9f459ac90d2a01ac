"""The client of the engine: what it must do when a call is cancelled or takes too long."""

import asyncio

import pytest

from livegift.engine import Script, connect, faults
from livegift.errors import Unavailable

STEPS = 60
"""More turns of the loop than a call takes."""


async def test_a_cancelled_call_never_goes_on_as_if_nothing_had_been(valkey: str) -> None:
    """At whichever turn of the loop the cancellation comes: a task that swallows it could never be ended."""

    async def call_for_ever() -> None:
        while True:
            await client.hget("nothing", "there")
            async with client.pipeline(transaction=False) as pipe:
                pipe.hget("nothing", "there")
                await pipe.execute()

    async with connect(valkey, timeout_ms=2_000) as client:
        await client.ping()
        for turns in range(STEPS):
            task = asyncio.create_task(call_for_ever())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=5)
            again = 0
            while not task.done():
                again += task.cancel()
                await asyncio.sleep(0)
            assert done, f"cancelled after {turns} turns it went on, and ended only at cancellation {1 + again}"
            assert task.cancelled()


async def test_a_call_that_takes_too_long_is_unavailable_and_leaves_no_reply_behind(valkey: str) -> None:
    async with connect(valkey, timeout_ms=50) as client:
        await client.set("kept", "yes")
        with pytest.raises(Unavailable):
            async with faults():
                await client.blpop(["never"], timeout=5)
        assert await client.get("kept") == b"yes"
        await client.unlink("kept")


async def test_an_engine_that_refuses_to_write_is_unavailable(valkey: str) -> None:
    """Valkey says NOREPLICAS here and MISCONF when its disk is full: the call is right, and its time is not now."""
    trim = Script("livegift.ledger", "trim")
    call = (["{p}meta", "{p}journal"], ["1", "0", "marks", 0])
    async with connect(valkey, timeout_ms=2_000) as client:
        assert await trim.run(client, *call) == [b"fenced", b"epoch"]
        await client.config_set("min-replicas-to-write", 1)
        try:
            with pytest.raises(Unavailable):
                await trim.run(client, *call)
            with pytest.raises(Unavailable):
                await trim.run_many(client, [call, call])
            with pytest.raises(Unavailable):
                async with faults():
                    await client.set("never", "there")
            pipe = client.pipeline(transaction=False).get("never").set("never", "there")
            with pytest.raises(Unavailable):
                async with faults():
                    await pipe.execute()
        finally:
            await client.config_set("min-replicas-to-write", 0)
        assert await trim.run_many(client, [call]) == [[b"fenced", b"epoch"]]


async def test_an_engine_that_restarts_after_every_load_is_unavailable(
    valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restart forgets scripts: that is a fault, which may be repeated, and no error of the script."""
    trim = Script("livegift.ledger", "trim")
    async with connect(valkey, timeout_ms=2_000) as client:
        load = client.script_load

        async def load_and_restart(text: str) -> None:
            await load(text)
            await client.script_flush()

        monkeypatch.setattr(client, "script_load", load_and_restart)
        await client.script_flush()
        with pytest.raises(Unavailable, match=r"forgot trim\.lua"):
            await trim.run_many(client, [(["{p000}:meta", "{p000}:journal"], [1, 1, "marks", 0])])
