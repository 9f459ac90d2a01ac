"""The edges of a server, and their restart one after the other while the others serve.

Each gets a successor first, on the same listening socket; only once that is ready does the old one drain: it leaves
new connections to the others at once and tells its viewers when to come back. So there are never fewer edges than
there should be, and who comes back finds somebody.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import structlog

from livegift.config import Config
from livegift.supervisor.children import Child, ChildRefused, worker

RESTART_EDGES = signal.SIGUSR1
"""What asks a supervisor for it (``livegift restart-edges``)."""
READY_S = 30.0
"""How long a successor may take to become ready; if it does not, the old edge stays and the restart ends."""
LATE_S = 10.0
"""How long an edge may take to leave beyond the time over which it spreads its viewers."""

log = structlog.get_logger()


class Edges:
    """``serving`` are the edges that take new viewers, one for each index; ``keepers`` the tasks of all there are."""

    def __init__(self, config: Config, listener_fd: int, *, keep: Callable[[Child], Awaitable[None]]) -> None:
        self._config = config
        self._listener_fd = listener_fd
        self._keep = keep
        self._asked = asyncio.Event()
        self.keepers: dict[Child, asyncio.Task[None]] = {}
        self.serving = [self._child(index) for index in range(config.workers)]

    def _child(self, index: int) -> Child:
        return Child("edge", index, worker(self._config, role="edge", index=index, listener_fd=self._listener_fd))

    def all(self) -> list[Child]:
        """Return all that run, or are about to."""
        return [*self.serving, *self.changing()]

    def changing(self) -> list[Child]:
        """Return those that leave, or are not yet in their place."""
        return [child for child in self.keepers if child not in self.serving]

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Start all; returns when every one was ready."""
        for child in self.serving:
            self.keepers[child] = group.create_task(self._live(child, self._keep(child)))
        for child in self.serving:
            await child.ready_once.wait()

    def ask_restart(self) -> None:
        """Ask for a restart of all; while one is under way it will be followed by another."""
        self._asked.set()

    async def serve_restarts(self, group: asyncio.TaskGroup) -> None:
        """Restart the edges whenever somebody has asked, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            log.info("edges_restart", edges=len(self.serving))
            for place in range(len(self.serving)):
                if not await self._replace(group, place):
                    break

    async def _replace(self, group: asyncio.TaskGroup, place: int) -> bool:
        old, new = self.serving[place], self._child(place)
        self.keepers[new] = keeper = group.create_task(self._live(new, _keep_or_not(new)))
        ready = group.create_task(new.ready_once.wait())
        await asyncio.wait((ready, keeper), timeout=READY_S, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if not new.ready_once.is_set() or keeper.done():
            log.error("edge_not_replaced", index=place, why="its successor did not become ready")
            new.kill()
            return False
        self.serving[place] = new
        old.stop()
        _, late = await asyncio.wait((self.keepers[old],), timeout=self._config.drain_spread_ms_max / 1_000 + LATE_S)
        if late:
            log.warning("child_killed", child=old.role, index=old.index, timeout_s=LATE_S)
            old.kill()
            await asyncio.wait(late)
        log.info("edge_replaced", index=place, pid=new.pid)
        return True

    async def _live(self, child: Child, keeping: Awaitable[None]) -> None:
        try:
            await keeping
        finally:
            self.keepers.pop(child, None)


async def _keep_or_not(child: Child) -> None:
    """Keep a successor alive; one that can't run at all has said why, and leaves everything as it was."""
    try:
        await child.keep()
    except ChildRefused:
        return
