"""The plug with real programs in place of the bots: what it hears, what it tells them, and how they end."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from livegift.supervisor import plug as plug_module
from livegift.supervisor.plug import Plug
from livegift.supervisor.plug_lines import BotsLaunch

JUDGE = """
import json, sys

def say(**line): print(json.dumps(line), flush=True)

say(type="progress", doing="gifting", at_ms=100.0, sent=20, accepted=20, settled=19, shown=18, waiting=1, away=0)
name = sys.stdin.readline().split()[1]
say(type="mark", name=name, at_ms=150.0, seen_after_ms=None)
say(type="mark", name=name, at_ms=150.0, seen_after_ms=412.0)
assert sys.stdin.readline() == "finish\\n"
say(type="progress", doing="settling", at_ms=900.0, sent=40, accepted=40, settled=40, shown=40, waiting=0, away=0)
say(type="progress", doing="settling", at_ms=1000.0, sent=40, accepted=40, settled=40, shown=40, waiting=0, away=0)
say(type="report", sent=40, accepted=40, settled=40, shown=40, seen=99, refused=0, lost=0, doubled=0, out_of_order=0,
    combos_open=0, drift=0, audited={"rows": 9, "wallets": 2}, reconnects=3, failures=[], scenario="steady")
"""


@asynccontextmanager
async def plugged(program: str) -> AsyncIterator[tuple[Plug, list[str]]]:
    """A plug whose bots are a small program, and what was struck."""
    struck: list[str] = []

    def strike(role: str) -> int:
        struck.append(role)
        return 7

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        launch = BotsLaunch((sys.executable, "-c", program))
        plug = Plug("http://127.0.0.1:1", launch, states=list, strike=strike, spawn=group.create_task)
        yield plug, struck
        await plug.stop()


async def until(is_true: Callable[[], object]) -> None:
    while not is_true():  # noqa: ASYNC110 - another process sets no event of ours
        await asyncio.sleep(0.01)


def phase(plug: Plug) -> str:
    return plug.state(0).phase


async def test_bots_hear_of_a_kill_and_of_the_end_and_their_verdict_is_shown() -> None:
    async with plugged(JUDGE) as (plug, struck):
        plug.start()
        await until(lambda: phase(plug) == "gifting")
        assert plug.kill("edge") == 7
        assert struck == ["edge"]
        await until(lambda: plug.state(0).events[-1].seen_after_ms == 412.0)
        plug.finish()
        await until(lambda: phase(plug) == "done")
        state = plug.state(0)
        assert state.verdict is not None
        assert (state.verdict.settled, state.verdict.drift, state.trouble) == (40, 0, None)
        assert state.verdict.audited is not None
        assert state.verdict.audited.rows == 9
        assert [event.kind for event in state.events] == ["joining", "gifting", "kill", "settling", "done"]
        assert state.samples == [(100.0, 20, 18), (900.0, 40, 40)]  # the chart ends when all is shown
        plug.start()  # and once more
        await until(lambda: phase(plug) == "gifting")
        assert (plug.state(0).run, plug.state(0).verdict) == (2, None)


async def test_bots_that_can_not_run_say_why() -> None:
    async with plugged("import sys; print('one\\nloadtests: the server is away', file=sys.stderr); sys.exit(2)") as (
        plug,
        _,
    ):
        plug.start()
        await until(lambda: phase(plug) == "failed")
        assert plug.state(0).trouble == "The bots ended without a verdict: loadtests: the server is away"


async def test_bots_that_speak_nonsense_are_ended_and_the_server_stays() -> None:
    async with plugged("import sys; print('no json', flush=True); sys.stdin.read()") as (plug, _):
        plug.start()
        await until(lambda: phase(plug) == "failed")
        assert "can't be read" in (plug.state(0).trouble or "")


async def test_a_program_that_is_not_there_fails_the_run_only() -> None:
    async with plugged("") as (plug, _):
        plug._launch = BotsLaunch(("/no/such/program",))
        plug.start()
        await until(lambda: phase(plug) == "failed")
        assert "/no/such/program" in (plug.state(0).trouble or "")


async def test_bots_that_hang_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plug_module, "RUN_S_MAX", 0.2)
    async with plugged("import sys; sys.stdin.read()") as (plug, _):
        plug.start()
        await until(lambda: phase(plug) == "failed")
        assert "not done after" in (plug.state(0).trouble or "")


STUBBORN = """
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('{"type": "progress", "doing": "gifting"}', flush=True)
sys.stdin.read()
"""


async def test_the_end_of_the_server_ends_bots_that_do_not_want_to() -> None:
    async with plugged(STUBBORN) as (plug, _):
        plug.start()
        await until(lambda: phase(plug) == "gifting")
        bots = plug._bots
        assert bots is not None
        await plug.stop()
        assert await bots.wait() == -9
