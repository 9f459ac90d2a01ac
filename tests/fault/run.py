"""One fault run: bots, a judge and an audit, while one fault follows the other.

Two parties judge, and neither asks the server how it is. The *bots* (``python -m loadtests steady``, a process of
their own, rooms of their own) look at every event at every viewer. The run's own *judge* (judge.py) gifts in a room of
its own and says to which fault each gift belongs. ``livegift audit`` runs beside the server after the first fault of
each kind, which names the fault that brought a drift about, and at the end.
"""

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livegift_client import Api

from loadtests.audit import audit
from tests.fault.bots import gifting_bots
from tests.fault.disk import Disk
from tests.fault.faults import KILLS, OTHERS, Fault, schedule
from tests.fault.field import Field
from tests.fault.judge import Judge, judging
from tests.fault.report import Struck, report
from tests.fault.server import Server
from tests.fault.server_log import unexpected
from tests.fault.stores import running_store

LATE_S_MAX = 180.0
"""How long after the time asked for bots may still gift; half of it is for kinds of fault that have not been."""
CALM_S = 1.1
"""Between a recovery and the next fault: a client whose connection lived for less than 1 s backs off for longer."""
LONG_S = 300.0

Progress = Callable[[str], None]


@dataclass
class Options:
    """What is asked of a run. ``seconds`` is how long faults follow each other."""

    seconds: float
    store: str = "sqlite"
    rate: float = 60.0
    seed: int = 1
    kills_between: int | None = None
    progress: Progress = lambda line: None
    only: tuple[str, ...] = ()

    @property
    def is_long(self) -> bool:
        """Whether there is time for every kind of fault more than once."""
        return self.seconds >= LONG_S

    @property
    def kills(self) -> int | None:
        """Kills between two other faults; None: each kind of kill is one fault among the others."""
        return 4 if self.kills_between is None and self.is_long else self.kills_between

    @property
    def names(self) -> list[str]:
        """The faults of this run."""
        every = OTHERS if self.kills == 0 else (*KILLS, *OTHERS)
        faults = [fault for fault in every if fault.store in (None, self.store)]
        return list(self.only) or [fault.name for fault in faults if self.is_long or not fault.is_long]


@dataclass
class Run:
    """A run under way."""

    options: Options
    field: Field
    judge: Judge
    struck: list[Struck] = field(default_factory=list)

    async def strike_until(self, until_s: float) -> None:
        """Let faults follow each other until then, and on until each kind has been, unless that takes far too long."""
        lacking = set(self.options.names)
        for fault in schedule(self.field.chance, self.options.names, kills_between=self.options.kills):
            now_s = time.monotonic()
            if (now_s >= until_s and not lacking) or now_s >= until_s + LATE_S_MAX / 2:
                break
            await self.strike(fault)
            lacking.discard(fault.name)
        self.judge.failures += [f"there was no time for {name}" for name in sorted(lacking)]

    async def strike(self, fault: Fault) -> None:
        """One fault, its recovery, and for the first of its kind an audit."""
        self.judge.begin(fault.name)
        kills = await fault.strike(self.field)
        recovery_ms, stall_ms = await self.judge.recovered(time.monotonic())
        one = Struck(fault, kills, recovery_ms, stall_ms)
        is_first = all(other.fault is not fault for other in self.struck)
        self.struck.append(one)
        await self.field.set_clock(self.field.offset_ms)  # what a power cut took of it
        if is_first:
            audited = await audit(self.field.server.data)
            one.drift = audited.drift
            self.judge.failures += [f"after {fault.name}: {failure}" for failure in audited.failures]
        self.options.progress(
            f"{fault.name}: seen again by all after {recovery_ms:.0f} ms, longest stall {stall_ms:.0f} ms"
            + (f", drift {one.drift}" if is_first else "")
        )
        if not is_first:  # an audit takes as long
            await asyncio.sleep(CALM_S)


async def run(folder: Path, options: Options) -> dict[str, Any]:
    """Start a server in ``folder``, let bots and judge gift, strike, and return the report."""
    data = folder / "data"
    with Disk() as disk, running_store(options.store, data, disk) as store, _environment(store.env):
        server = Server(data, disk.env)
        try:
            await server.start()
            return await _run(Field(server, disk, store, random.Random(options.seed)), options)
        finally:
            await server.stop()


async def _run(field: Field, options: Options) -> dict[str, Any]:
    server = field.server
    seconds_max = options.seconds + LATE_S_MAX
    async with (
        judging(server, field.chance) as judge,
        gifting_bots(server.url, server.data, rate=options.rate, seconds_max=seconds_max, seed=options.seed) as bots,
        asyncio.TaskGroup() as tasks,
    ):
        field.room, field.watched_edge = judge.room, judge.watched_edge
        ongoing = Run(options, field, judge)
        tasks.create_task(judge.gift())
        await judge.recovered(time.monotonic())
        await ongoing.strike_until(time.monotonic() + options.seconds)
        await judge.settle()
        async with Api(server.url, proxy=False) as api:
            await judge.check_wallets(api)
        exit_code = await bots.finish()
    judge.failures += unexpected(server.log_path)
    return report(ongoing.struck, judge, field, bots.report, exit_code)


@contextmanager
def _environment(env: Mapping[str, str]) -> Iterator[None]:
    """Add to our own environment, which the audits and the bots inherit."""
    before = dict(os.environ)
    os.environ.update(env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
