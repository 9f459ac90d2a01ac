"""When long-running bots stop: on a signal, at the end of stdin, or when the parent's pipe ends."""

import asyncio
import os
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_with_parent(stop: asyncio.Event, *, parent_fd: int | None) -> Iterator[None]:
    """Set ``stop`` at SIGINT, SIGTERM, or the end of file on ``parent_fd``; without that, on a stdin that is a pipe."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    watched = parent_fd if parent_fd is not None else stdin_pipe()

    def readable() -> None:
        assert watched is not None
        if not os.read(watched, 4096):
            loop.remove_reader(watched)
            stop.set()

    if watched is not None:
        loop.add_reader(watched, readable)
    try:
        yield
    finally:
        if watched is not None:
            loop.remove_reader(watched)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def stdin_pipe() -> int | None:
    """Return stdin's descriptor if it can end: /dev/null has ended from the start and says nothing about a parent."""
    if sys.stdin is None or sys.stdin.closed:
        return None
    mode = os.fstat(sys.stdin.fileno()).st_mode
    return sys.stdin.fileno() if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or sys.stdin.isatty() else None
