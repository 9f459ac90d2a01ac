"""Figures while a run lasts: shown on a terminal, quiet elsewhere unless asked."""

import asyncio
import io

import pytest

from loadtests import live
from loadtests.live import Live
from loadtests.steady import Steady


class Log(io.StringIO):
    """Knows when somebody has written to it."""

    def __init__(self, *, is_terminal: bool = False) -> None:
        super().__init__()
        self.written = asyncio.Event()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def write(self, text: str) -> int:
        self.written.set()
        return super().write(text)


def steady(*, processes: int = 0, seed: int = 1) -> Steady:
    return Steady(url="", rooms=2, viewers=40, senders=8, rate=50.0, seconds=10.0, seed=seed, processes=processes)


@pytest.mark.parametrize(
    ("is_terminal", "is_asked", "is_shown"), [(True, False, True), (False, False, False), (False, True, True)]
)
async def test_lines_come_on_a_terminal_or_if_asked(
    monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool, is_asked: bool, is_shown: bool
) -> None:
    monkeypatch.setattr(live, "LINE_S", 0.001)
    log = Log(is_terminal=is_terminal)
    shown = Live(log, is_asked=is_asked)
    shown.at_work("joining", 3, 10)

    async def program() -> int:
        if is_shown:
            await log.written.wait()
        return 7

    async with asyncio.timeout(5):
        assert await shown.beside(program()) == 7
    assert ("joining 3 of 10" in log.getvalue()) is is_shown
    assert ("\r" in log.getvalue()) is is_terminal


async def test_a_line_tells_how_far_a_run_has_come() -> None:
    run, shown = steady(), Live(io.StringIO(), is_asked=True)
    shown.began(run)
    assert shown.line() == "joining"
    run.start_ms = asyncio.get_running_loop().time() * 1_000 - 2_000
    run.seen.deliveries = 1_500
    run.seen.latency.record(50.0)
    shown.at_work("gifting", 5, 500)
    assert shown.line() == (
        "2 s · gifting 5 of 500 · settled 0 · waiting 0 · deliveries 1,500 (1,500/s) · seen p99 50 ms"
    )
    assert "(0/s)" in shown.line()


def test_the_same_gifts_are_sent_however_many_processes_watch() -> None:
    plans = [steady(processes=processes).plan(coins_each=10_000) for processes in (0, 1, 7)]
    assert plans[0] == plans[1] == plans[2]
    assert steady(seed=2).plan(coins_each=10_000) != plans[0]
