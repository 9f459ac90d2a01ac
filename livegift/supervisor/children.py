"""One process of ours, kept alive: started, listened to, started again when it dies or hangs, and ended.

It inherits the read end of a *life pipe*, whose end of file says that the supervisor is gone, and the write end of
a *report pipe* (see ``lifeline.py``). Settings travel in an environment variable, never in argv, which all can read.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import orjson
import structlog

from livegift.config import Config
from livegift.telemetry import ProcessReport

BACKOFF_MIN_S = 0.1
BACKOFF_MAX_S = 2.0
STEADY_S = BACKOFF_MAX_S
"""A process that lived this long was well; its next death counts as the first. Shorter lives would come faster than
the pauses are meant to let them; longer ones cost no more than the pauses do, and users wait for what was killed."""
REPORT_AGE_MAX_S = 5.0
"""A process that says nothing for this long is not ready: its loop hangs."""
LOOK_S = 1.0
HANG_LOOKS = 10
"""So many looks without a word from a process that has spoken before: it hangs for good, and is killed. Counted in
looks, for a machine that stood still for a minute let nobody speak."""
REPORT_BYTES_MAX = 1_048_576
ORDER = "LIVEGIFT_CHILD"
"""Environment variable that carries what a child needs to know, as JSON."""

log = structlog.get_logger()


class BackOff:
    """Pauses before the next start: 0.1 s, doubling to 2 s, from the start again after 2 s alive. Pure."""

    def __init__(self) -> None:
        self._next_s = BACKOFF_MIN_S

    def after(self, alive_s: float) -> float:
        """Return the pause in seconds after a life of ``alive_s``."""
        pause_s = BACKOFF_MIN_S if alive_s >= STEADY_S else self._next_s
        self._next_s = min(pause_s * 2, BACKOFF_MAX_S)
        return pause_s


class ChildRefused(Exception):
    """A child exited with 2 before it was ever ready; it has said why on stderr."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How a process is started: arguments, additions to the environment, descriptors it inherits."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    fds: tuple[int, ...] = ()


Launcher = Callable[[int, int], Launch]
"""Makes a launch from the descriptors of the life pipe (to read) and the report pipe (to write)."""


def worker(config: Config, *, role: str, index: int, listener_fd: int | None = None) -> Launcher:
    """Return how a flusher or an edge is launched (``child.py``)."""

    def launch(life_fd: int, report_fd: int) -> Launch:
        order = {
            "role": role,
            "index": index,
            "config": config.to_json(),
            "listener_fd": listener_fd,
            "life_fd": life_fd,
            "report_fd": report_fd,
        }
        fds = (life_fd, report_fd) if listener_fd is None else (life_fd, report_fd, listener_fd)
        argv = (sys.executable, "-m", "livegift.supervisor.child", role, str(index))
        return Launch(argv, {ORDER: json.dumps(order)}, fds)

    return launch


def demo_bots(url: str, *, rooms: str) -> Launcher:
    """Return how the demo's bots are launched; they know the server only by its address."""

    def launch(life_fd: int, _: int) -> Launch:
        words = ("-m", "loadtests", "demo", "--url", url, "--rooms", rooms, "--parent-fd", str(life_fd))
        return Launch((sys.executable, *words), fds=(life_fd,))

    return launch


class Child:
    """A process kept alive by ``keep`` until ``stop``; ``ready_once`` is set when it first reported ready."""

    def __init__(self, role: str, index: int, launch: Launcher) -> None:
        self.role = role
        self.index = index
        self.ready_once = asyncio.Event()
        self.starts = 0
        self._launch = launch
        self._report = ProcessReport(role, index)
        self._ready = False
        self._reported_at = 0.0
        self._reports = 0
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._last_signal = signal.SIGTERM

    @property
    def pid(self) -> int | None:
        """Process id, or None while there is no process."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    @property
    def is_ready(self) -> bool:
        """Whether it said so within the last 5 s."""
        fresh = asyncio.get_running_loop().time() - self._reported_at < REPORT_AGE_MAX_S
        return self._ready and fresh and self.pid is not None

    def report(self) -> ProcessReport:
        """Return what it said last."""
        return self._report

    async def keep(self) -> None:
        """Run the process, again and again until ``stop``; raises ``ChildRefused`` if it can't run at all."""
        loop = asyncio.get_running_loop()
        back_off = BackOff()
        while not self._stopping.is_set():
            started = loop.time()
            status: int | None
            try:
                status = await self._live()
            except OSError as error:  # no memory, no descriptors: that may pass
                log.error("child_not_started", child=self.role, index=self.index, error=str(error))
                status = None
            if self._stopping.is_set():
                return
            if status == 2 and not self.ready_once.is_set():
                raise ChildRefused(self.role)
            pause_s = back_off.after(loop.time() - started)
            log.warning("child_died", child=self.role, index=self.index, status=status, again_in_s=pause_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stopping.wait()

    def stop(self, *, hurry: bool = False) -> None:
        """Ask it to end, at its leisure (SIGTERM) or in a hurry (SIGINT); ``keep`` returns when it has."""
        self._stopping.set()
        self._last_signal = signal.SIGINT if hurry else signal.SIGTERM
        self._signal(self._last_signal)

    def kill(self) -> None:
        """End it at once, by its own process id."""
        self._stopping.set()
        self._signal(signal.SIGKILL)

    def strike(self) -> int | None:
        """Kill -9 it as an accident would, and return its process id; ``keep`` starts it again. None: it is down."""
        pid = self.pid
        self._signal(signal.SIGKILL)
        return pid

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _live(self) -> int:
        """One life of the process, from start to exit status."""
        loop = asyncio.get_running_loop()
        life_read, life_write = os.pipe()
        report_read, report_write = os.pipe()
        os.set_blocking(report_read, False)
        reader = _Lines(report_read, self._hear)
        self._reports = 0
        try:
            self._process = await self._spawn(life_read, report_write)
            os.close(life_read)
            os.close(report_write)
            life_read = report_write = -1
            loop.add_reader(report_read, reader.read)
            if self._stopping.is_set():  # it was asked to end while it was being started
                self._signal(self._last_signal)
            return await self._ended(self._process)
        finally:
            self._signal(signal.SIGKILL)  # only where keep() was cancelled: otherwise it is gone already
            self._ready = False
            self._report.metrics = {}
            loop.remove_reader(report_read)
            for fd in (life_read, life_write, report_read, report_write):
                if fd >= 0:
                    os.close(fd)

    async def _ended(self, process: asyncio.subprocess.Process) -> int:
        """Return the exit status; a process that hangs gets SIGKILL, as one that died would be missed no less."""
        silent = 0
        while True:
            heard = self._reports
            try:
                async with asyncio.timeout(LOOK_S):
                    return await process.wait()
            except TimeoutError:
                silent = silent + 1 if self._reports == heard > 0 else 0
            if silent == HANG_LOOKS:
                log.error("child_hangs", child=self.role, index=self.index, silent_s=silent * LOOK_S)
                self._signal(signal.SIGKILL)

    async def _spawn(self, life_fd: int, report_fd: int) -> asyncio.subprocess.Process:
        launch = self._launch(life_fd, report_fd)
        self.starts += 1
        return await asyncio.create_subprocess_exec(
            *launch.argv,
            env={**os.environ, **launch.env},
            pass_fds=launch.fds,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=2,  # stdout is for people: the links of the demo
            # Ctrl-C in a terminal goes to its whole group, but edges must end before the flusher.
            start_new_session=True,
        )

    def _hear(self, line: bytes) -> None:
        try:
            said = orjson.loads(line)
            self._report.metrics = said["metrics"]
            self._report.helps = said.get("helps", self._report.helps)
            self._ready = bool(said["ready"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            log.error("report_unreadable", child=self.role, index=self.index, bytes=len(line))
            return
        self._reported_at = asyncio.get_running_loop().time()
        self._reports += 1
        if self._ready:
            self.ready_once.set()


class _Lines:
    """Cuts what arrives on a descriptor into lines; an endless line is thrown away."""

    def __init__(self, fd: int, hear: Callable[[bytes], None]) -> None:
        self._fd = fd
        self._hear = hear
        self._rest = b""

    def read(self) -> None:
        try:
            data = os.read(self._fd, 65_536)
        except BlockingIOError:
            return
        if not data:
            asyncio.get_running_loop().remove_reader(self._fd)
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > REPORT_BYTES_MAX:
            self._rest = b""
        for line in lines:
            self._hear(line)
