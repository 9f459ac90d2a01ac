"""The demo's plug: bots gift, somebody kills processes under them, and the bots and the audit say what was lost.

It starts the bots, hands their words to the page and the page's to them, and strikes. It judges nothing: figures and
verdict are the bots', who know the server by its address only. One run at a time, the same for every open page.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec
import structlog

from livegift.clock import now_ms
from livegift.supervisor.admin import ProcessState
from livegift.supervisor.plug_lines import (
    LINE_BYTES_MAX,
    RATE,
    SECONDS,
    VIEWERS,
    BotsLaunch,
    Line,
    Mark,
    Progress,
    Verdict,
    decoder,
    last_line,
)

ROLES = ("valkey", "flusher", "edge")
RUN_S_MAX = 240.0
"""Bots that have not judged after this long hang; all their own waits together are shorter."""
EVENTS_MAX = 200
STOP_S = 1.0

log = structlog.get_logger()


class NotNow(Exception):
    """What was asked for is not possible at the moment; the message says why."""


class Event(msgspec.Struct):
    """A line of the log. ``at_ms`` is wall time, ``chart_ms`` the same moment as the bots count, once they said so."""

    key: int
    at_ms: int
    kind: str
    role: str | None = None
    pid: int | None = None
    chart_ms: float | None = None
    seen_after_ms: float | None = None


class ProcessLine(msgspec.Struct, frozen=True):
    """One of the processes that can be killed; those of a role stand in the order of their index."""

    role: str
    index: int
    pid: int | None
    is_ready: bool
    starts: int


class State(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page shows. ``samples`` are ``[at_ms, sent, shown]``, sums from the start of the load."""

    url: str
    run: int
    phase: str
    rate: int
    seconds: int
    viewers: int
    figures: Progress
    processes: list[ProcessLine]
    events: list[Event]
    samples: list[tuple[float, int, int]]
    samples_from: int
    verdict: Verdict | None
    trouble: str | None


class Run:
    """One run of the bots, from their start to their verdict. ``phase`` is what they are doing, then done or failed."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.phase = "joining"
        self.figures = Progress("joining")
        self.samples: list[tuple[float, int, int]] = []
        self.events: list[Event] = []
        self.verdict: Verdict | None = None
        self.trouble: str | None = None
        self.note("joining")

    @property
    def is_over(self) -> bool:
        """Whether the bots have gone."""
        return self.phase in ("done", "failed")

    def note(self, kind: str, *, role: str | None = None, pid: int | None = None) -> Event:
        """Write a line into the log."""
        event = Event(len(self.events), now_ms(), kind, role, pid)
        self.events.append(event)
        return event

    def hear(self, line: Line) -> None:
        """Take in what the bots say."""
        if isinstance(line, Verdict):
            self.verdict = line
        elif isinstance(line, Mark):
            event = self.events[int(line.name)]
            event.chart_ms, event.seen_after_ms = line.at_ms, line.seen_after_ms
        else:
            self._follow(line)

    def _follow(self, line: Progress) -> None:
        if line.doing != self.phase:
            self.phase = line.doing
            self.note(line.doing)
        self.figures = line
        counts = (line.sent, line.shown)
        moves = line.doing == "gifting" or line.waiting > 0 or (self.samples and self.samples[-1][1:] != counts)
        # Once all is shown nothing moves any more, and the chart ends there.
        if line.at_ms is not None and moves:
            self.samples.append((line.at_ms, *counts))

    def end(self, phase: str, trouble: str | None = None) -> None:
        """Close the log."""
        self.phase, self.trouble = phase, trouble
        self.note(phase)


class Plug:
    """``spawn`` makes a task of the supervisor's, ``strike`` kills one process of a role and returns its id."""

    def __init__(
        self,
        url: str,
        launch: BotsLaunch,
        *,
        states: Callable[[], Sequence[ProcessState]],
        strike: Callable[[str], int | None],
        spawn: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"],
    ) -> None:
        self._url = url
        self._launch = launch
        self._states = states
        self._strike = strike
        self._spawn = spawn
        self._run: Run | None = None
        self._runs = 0
        self._bots: asyncio.subprocess.Process | None = None
        self._judging: asyncio.Task[None] | None = None

    @property
    def roles(self) -> list[str]:
        """What can be killed here: a Redis of somebody else's is left alone."""
        there = {state.role for state in self._states()}
        return [role for role in ROLES if role in there]

    def start(self) -> None:
        """Let bots gift. Raises ``NotNow`` while others do."""
        if self._run is not None and not self._run.is_over:
            raise NotNow("The bots are at it already.")
        self._runs += 1
        self._run = Run(self._runs)
        self._judging = self._spawn(self._judge(self._run))

    def kill(self, role: str) -> int:
        """Kill -9 a process of that role and return its id. Raises ``NotNow`` if no bots gift or it is down."""
        run = self._gifting()
        if len(run.events) >= EVENTS_MAX:
            raise NotNow("That was often enough; finish the run and begin another.")
        event = run.note("kill", role=role)
        # The bots hear of it before it happens, so that what they measure is never flattering.
        self._tell(f"mark {event.key}\n")
        event.pid = self._strike(role)
        if event.pid is None:
            event.kind = "missed"
            raise NotNow(f"No {role} is running at the moment; it is being started again.")
        log.warning("plug_pulled", role=role, pid=event.pid)
        return event.pid

    def finish(self) -> None:
        """Tell the bots to send no more and to judge. Raises ``NotNow`` if they don't gift."""
        self._gifting()
        self._tell("finish\n")

    def state(self, after: int) -> State:
        """Return what the page shows, with the samples from number ``after`` on."""
        run = self._run or Run(0)
        processes = [
            ProcessLine(one.role, one.index, one.pid, one.is_ready, one.starts)
            for one in self._states()
            if one.role in ROLES
        ]
        return State(
            url=self._url,
            run=run.number,
            phase="idle" if self._run is None else run.phase,
            rate=RATE,
            seconds=SECONDS,
            viewers=VIEWERS,
            figures=run.figures,
            processes=processes,
            events=[] if self._run is None else [event for event in run.events if event.kind != "missed"],
            samples=run.samples[after:],
            samples_from=after,
            verdict=run.verdict,
            trouble=run.trouble,
        )

    async def stop(self) -> None:
        """End the bots, if there are any: the server is about to end under them."""
        if self._judging is None or self._judging.done():
            return
        self._signal("terminate")
        _, late = await asyncio.wait([self._judging], timeout=STOP_S)
        if late:
            self._judging.cancel()
            await asyncio.wait(late)

    def _gifting(self) -> Run:
        if self._run is None or self._run.phase != "gifting":
            raise NotNow("No bots are gifting; start them first.")
        return self._run

    def _tell(self, word: str) -> None:
        if self._bots is not None and self._bots.stdin is not None:
            self._bots.stdin.write(word.encode())

    def _signal(self, name: str) -> None:
        if self._bots is not None and self._bots.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                getattr(self._bots, name)()

    async def _judge(self, run: Run) -> None:
        """One life of the bots. Whatever they do, it ends with the run being over."""
        try:
            async with asyncio.timeout(RUN_S_MAX):
                trouble = await self._listen(run)
        except TimeoutError:
            trouble = f"they were not done after {RUN_S_MAX:.0f} s"
        except OSError as error:  # no memory, no descriptors
            trouble = str(error)
        finally:
            self._signal("kill")
        if run.verdict is None:
            run.end("failed", f"The bots ended without a verdict: {trouble}")
        else:
            run.end("done")

    async def _listen(self, run: Run) -> str:
        """Start the bots, hear them out, and return the last thing they said on stderr."""
        pipe = asyncio.subprocess.PIPE
        self._bots = bots = await asyncio.create_subprocess_exec(
            *self._launch.argv,
            env={**os.environ, **self._launch.env},
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            limit=LINE_BYTES_MAX,
            start_new_session=True,  # a terminal's Ctrl-C is for the supervisor, which ends them itself
        )
        assert bots.stdout is not None
        assert bots.stderr is not None
        async with asyncio.TaskGroup() as group:
            complaint = group.create_task(last_line(bots.stderr))
            unreadable = await self._hear(run, bots.stdout)
        return unreadable or complaint.result() or f"exit code {await bots.wait()}"

    async def _hear(self, run: Run, lines: asyncio.StreamReader) -> str | None:
        """Take in lines to their end, or up to one that can't be read: that ends the bots, and is returned."""
        try:
            async for line in lines:
                run.hear(decoder.decode(line))
        except (msgspec.DecodeError, ValueError, LookupError) as error:  # no such message, endless, of no such kill
            self._signal("kill")
            return f"they said what can't be read ({error})"
        return None
