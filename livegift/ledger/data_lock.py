"""One server a data directory: a lock that the kernel takes back however its holder dies.

It is a ``flock``, which belongs to the open file and not to the process: the embedded Valkey inherits the
descriptor, so a server that outlived its parent still holds the directory.
"""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from livegift.errors import CannotRun

WAIT_S = 1.5
POLL_S = 0.02


class DataLock:
    """The right to serve from a data directory: a context manager, held by the process and its embedded server."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.fd = -1

    def acquire(self, *, wait_s: float = WAIT_S) -> None:
        """Make the directory and take the lock, or raise ``CannotRun``: in use for ``wait_s``, or not writable.

        Blocks while it waits. Waiting is for a killed server's Valkey, which needs a moment to save and end.
        """
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(self.data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CannotRun(f"The data directory {self.data} can't be used: {error.strerror}.") from error
        deadline = time.monotonic() + wait_s
        while not _lock(fd):
            if time.monotonic() >= deadline:
                os.close(fd)
                raise CannotRun(
                    f"Another livegift is running on {self.data}; stop it first (`livegift status --data {self.data}`)."
                )
            time.sleep(POLL_S)
        self.fd = fd

    def release(self) -> None:
        """Give the lock back, for every process that inherited it too; safe to call twice."""
        if self.fd >= 0:
            fcntl.flock(self.fd, fcntl.LOCK_UN)
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def is_served(data: Path) -> bool:
    """Whether a livegift holds the lock of this data directory now."""
    if not (data / "lock").exists():
        return False
    lock = DataLock(data)
    try:
        lock.acquire(wait_s=0)
    except CannotRun:
        return True
    lock.release()
    return False


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
