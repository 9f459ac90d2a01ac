"""The bridge: a program around the SDK under test that takes JSON lines and gives JSON lines.

What it writes goes to ``on_report`` as it comes. A bridge that can't be started, says nothing, writes what is no
report, or ends by itself is no verdict on the SDK: that is ``CannotRun``.
"""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from livegift.errors import CannotRun

Report = dict[str, Any]
"""One line of the bridge: ``saw`` says what, the other fields about whom."""

LINE_BYTES_MAX = 1_048_576
END_S = 5.0
"""How long a bridge may take to end once its stdin is closed; then it is killed."""


class Bridge:
    """A running bridge."""

    def __init__(self, process: Process, on_report: Callable[[], None]) -> None:
        self.reports: list[Report] = []
        """What it said and nobody has taken yet."""
        self.failure: CannotRun | None = None
        self._process, self._on_report = process, on_report

    async def tell(self, **command: Any) -> None:
        """Write one command."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            await self._process.stdin.drain()
        except ConnectionError as error:
            raise self.failure or CannotRun("The bridge takes no more commands.") from error

    async def read(self) -> None:
        """Take what it says until it says no more; why it ended stands in ``failure``."""
        assert self._process.stdout is not None
        try:
            async for line in self._process.stdout:
                self.reports.append(_report(line))
                self._on_report()
            self.failure = CannotRun(f"The bridge ended by itself, with exit code {await self._process.wait()}.")
        except CannotRun as failure:
            self.failure = failure
        except ValueError:
            self.failure = CannotRun(f"The bridge wrote a line of more than {LINE_BYTES_MAX} bytes.")
        self._on_report()

    async def end(self) -> None:
        """Let it end, or end it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(END_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def _report(line: bytes) -> Report:
    try:
        report = json.loads(line)
    except ValueError:
        report = None
    if not isinstance(report, dict) or not isinstance(report.get("saw"), str):
        raise CannotRun(f"The bridge wrote {line[:80]!r}, expected a JSON object with `saw`.")
    return report


@asynccontextmanager
async def started(command: Sequence[str], on_report: Callable[[], None]) -> AsyncIterator[Bridge]:
    """Start the bridge and end it afterwards. Its stderr is ours. Raises ``CannotRun``."""
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, limit=LINE_BYTES_MAX)
    except OSError as error:
        raise CannotRun(f"The bridge {command[0]!r} can't be started: {error.strerror}.") from error
    bridge = Bridge(process, on_report)
    async with asyncio.TaskGroup() as group:
        group.create_task(bridge.read())
        try:
            yield bridge
        finally:
            await bridge.end()
