"""The line between a child process and the supervisor: when to stop, and how the child fares.

Two pipes. The *life pipe* carries nothing: its end of file says that the supervisor is gone, whichever way it
died, and the child must go too. On the *report pipe* the child writes one JSON line a second. A process that runs
alone (``livegift edge``) has neither pipe and only hears signals.
"""

import asyncio
import os
import signal
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import orjson
import structlog

from livegift import telemetry

ORPHAN_EXIT_S = 5
"""An orphan that has not ended by itself this long after its supervisor died is killed by an alarm."""

log = structlog.get_logger()


class LifeLine:
    """Used as ``with LifeLine(…) as life`` inside a running loop of the main thread; ends with the block.

    ``stopping`` is set by SIGTERM, SIGINT or the supervisor's death, ``hurrying`` by the latter two; neither is ever
    cleared. What is run inside must not take these signals for itself (uvicorn's ``Server.capture_signals`` does,
    unless overridden).
    """

    def __init__(self, *, life_fd: int | None = None, report_fd: int | None = None) -> None:
        self.stopping = asyncio.Event()
        self.hurrying = asyncio.Event()
        self._life_fd = life_fd
        self._report_fd = report_fd
        self._unsent = b""
        self._helps_sent = 0

    @property
    def is_alone(self) -> bool:
        """Whether no supervisor holds the other end."""
        return self._life_fd is None

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stopping.set)
        loop.add_signal_handler(signal.SIGINT, self._hurry)
        if self._life_fd is not None:
            loop.add_reader(self._life_fd, self._parent_gone)
        if self._report_fd is not None:
            os.set_blocking(self._report_fd, False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        if self._life_fd is not None:
            loop.remove_reader(self._life_fd)

    def report(self, ready: bool, metrics: Mapping[str, float]) -> None:
        """Tell the supervisor; to be called once a second. Never blocks and never raises.

        A process that has not reported for 5 s counts as not ready. ``metrics`` are names as in ``telemetry.py``.
        """
        if self._report_fd is None:
            return
        line: dict[str, object] = {"ready": ready, "metrics": metrics}
        if self._helps_sent != len(telemetry.DECLARED):
            line["helps"] = telemetry.DECLARED
        # A supervisor that reads slowly gets whole lines or none: what is left of the last one goes first.
        if self._send(self._unsent) and self._send(orjson.dumps(line) + b"\n"):
            self._helps_sent = len(telemetry.DECLARED)

    def _send(self, data: bytes) -> bool:
        """Write what the pipe takes and keep the rest; False if nothing of ``data`` may follow yet."""
        if not data:
            return True
        assert self._report_fd is not None
        try:
            sent = os.write(self._report_fd, data)
        except BlockingIOError:
            sent = 0
        except BrokenPipeError:  # the supervisor is gone; the life pipe says so too
            return False
        self._unsent = data[sent:] if sent or data is self._unsent else b""
        return sent == len(data)

    def _parent_gone(self) -> None:
        assert self._life_fd is not None
        asyncio.get_running_loop().remove_reader(self._life_fd)
        log.warning("supervisor_gone")
        # The default action of SIGALRM ends the process even if its loop never turns again.
        signal.alarm(ORPHAN_EXIT_S)
        self._hurry()

    def _hurry(self) -> None:
        self.hurrying.set()
        self.stopping.set()
