"""A run that another program shows and steers: JSON lines on stdout, words on stdin. What it says stands in ``live``.

Out, each with a ``type``: ``progress`` ten times a second, ``mark`` when one is made and again when its gift is seen,
``report`` at the end. In: ``mark <name>`` and ``finish``. The end of stdin ends the run at once: nobody listens.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from loadtests.live import Figures, figures
from loadtests.mark import Mark
from loadtests.report import Report
from loadtests.steady import Steady
from loadtests.stopping import stdin_pipe

LINE_S = 0.1
WORDS_BYTES_MAX = 65_536


class Steering:
    """Shows and steers one run, whose ``progress`` is ``at_work``."""

    def __init__(self) -> None:
        self.doing = "joining"
        self._told: dict[str, bool] = {}

    def at_work(self, what: str, done: int, total: int) -> None:
        """As the run's ``Progress``: what it is doing."""
        self.doing = what

    async def run(self, steady: Steady) -> Report | None:
        """Run to the end and return the report, or None if stdin has ended before."""
        orphaned = asyncio.Event()
        with _words(steady, orphaned):
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(self._tell(steady))
                running = group.create_task(steady.run())
                gone = group.create_task(orphaned.wait())
                await asyncio.wait([running, gone], return_when=asyncio.FIRST_COMPLETED)
                for task in (telling, running, gone):
                    task.cancel()
        if running.cancelled():
            return None
        self._tell_marks(steady.marks)
        return running.result()

    async def _tell(self, steady: Steady) -> None:
        with contextlib.suppress(BrokenPipeError):  # nobody reads: the end of stdin will say so, too
            while True:
                self._tell_marks(steady.marks)
                _say(figures(steady, self.doing))
                await asyncio.sleep(LINE_S)

    def _tell_marks(self, marks: list[Mark]) -> None:
        for mark in marks:
            if self._told.get(mark.name) is not mark.is_open:
                self._told[mark.name] = mark.is_open
                _say({"type": "mark", "name": mark.name, "at_ms": mark.at_ms, "seen_after_ms": mark.seen_after_ms})


def say_report(report: Report) -> None:
    """Print the last line."""
    _say({"type": "report", **report})


def _say(line: Figures | dict[str, object]) -> None:
    print(json.dumps(line, ensure_ascii=False), flush=True)


@contextmanager
def _words(steady: Steady, orphaned: asyncio.Event) -> Iterator[None]:
    loop, rest, fd = asyncio.get_running_loop(), b"", stdin_pipe()
    if fd is None:
        yield
        return

    def readable() -> None:
        nonlocal rest
        data = os.read(fd, 4_096)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            word, _, name = line.decode(errors="replace").strip().partition(" ")
            if word == "finish":
                steady.finish.set()
            elif word == "mark":
                steady.mark(name)
        if not data or len(rest) > WORDS_BYTES_MAX:
            loop.remove_reader(fd)
            orphaned.set()

    loop.add_reader(fd, readable)
    try:
        yield
    finally:
        loop.remove_reader(fd)
