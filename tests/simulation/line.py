"""The line between one process and its engine and book: every I/O call passes here, and here it meets its fate.

The fate of a call is drawn when it is made: how long the request and the reply travel, whether one of them is lost,
whether a copy is done too. A process that dies makes no further call; what has left it may still be done.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from redis.exceptions import ConnectionError

from livegift.errors import Unavailable
from tests.simulation.engine import Command, name_of

if TYPE_CHECKING:
    from tests.simulation.processes import Process
    from tests.simulation.world import World

T = TypeVar("T")

ENGINE_TIMEOUT_S = 0.6
SQL_TIMEOUT_S = 0.8
ATTEMPTS = 2
"""What redis-py makes of a call with one retry: a broken connection, and once more, within the time of the call."""


class Line:
    """All I/O of one process."""

    def __init__(self, world: "World", process: "Process") -> None:
        self._world = world
        self._process = process
        self._last: dict[object, str] = {}
        self._sent = 0
        self._done = 0
        self.crash_at: Callable[[str, str], str | None] = lambda before, name: None
        """Asked at each call with the one before and this one; names the kind of crash, or None."""

    # --- every call ---

    def _begin(self, name: str) -> tuple[str, bool]:
        """Note a call; returns the task's call before, and whether the process dies while this one is under way."""
        if not self._process.is_alive:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        before = self._last.get(task, "begin")
        self._last[task] = name
        self._world.note(self._process.name, name)
        kind = self.crash_at(before, name)
        if kind is not None:
            self._world.strike(kind, before, name)
        if kind == "crash":
            self._process.kill()
            raise asyncio.CancelledError
        return before, kind is not None

    def _back(self, dies: bool) -> None:
        if dies:
            self._process.kill()
        if not self._process.is_alive:
            raise asyncio.CancelledError

    # --- the engine ---

    async def engine(self, commands: Sequence[Command]) -> list[Any]:
        """Run the commands of one request; raises what redis-py would when it has given up."""
        name = "+".join(dict.fromkeys(name_of(command) for command in commands))
        before, dies = self._begin(name)
        until_s = self._world.loop.time() + ENGINE_TIMEOUT_S
        for attempt in range(ATTEMPTS):
            try:
                return await self._attempt(before, name, commands, until_s=until_s, dies=dies)
            except ConnectionError:
                self._back(dies)
                if attempt + 1 == ATTEMPTS:
                    raise
                self._world.note_copy(commands)
        raise AssertionError

    async def _attempt(
        self, before: str, name: str, commands: Sequence[Command], *, until_s: float, dies: bool
    ) -> list[Any]:
        world, chance, strikes = self._world, self._world.chance, self._world.weather.strikes
        if world.engine_is_down:
            world.strike("engine_down", before, name)
            await asyncio.sleep(0.001)
            raise ConnectionError("Connection refused.")
        there_s, back_s = self._travel(before, name), self._travel(before, name)
        for kind, later_s in (("doubled", 0.0), ("late_copy", chance.expovariate(0.5))):
            if strikes(kind, 0.004):
                world.strike(kind, before, name)
                world.note_copy(commands)
                world.loop.call_later(there_s + later_s, world.execute, commands)
        if strikes("request_lost", 0.004):
            world.strike("request_lost", before, name)
            await self._give_up(0.001, until_s, dies=dies)
        self._sent += 1
        request = _Request(self._sent, before, name, world.loop.create_future(), world.engine_lives)
        pieces = self._pieces(before, name, commands)
        for place, piece in enumerate(pieces):
            world.loop.call_later(there_s + place * 0.002, self._arrive, request, piece, len(commands))
        if strikes("reply_lost", 0.004):
            world.strike("reply_lost", before, name)
            await self._give_up(there_s, until_s, dies=dies)
        if sum(map(len, pieces)) < len(commands):
            await self._give_up(there_s, until_s, dies=dies)
        if world.loop.time() + there_s + back_s >= until_s:
            await self._time_out(until_s, dies=dies)
        replies = await request.reply
        await asyncio.sleep(back_s)
        self._back(dies)
        if world.engine_lives != request.lives:
            raise ConnectionError("Connection closed by server.")
        return replies

    async def _give_up(self, broken_s: float, until_s: float, *, dies: bool) -> None:
        """Hear that the connection broke after that time, or nothing until the call's time is over."""
        if self._world.chance.random() < 0.5:
            await self._time_out(until_s, dies=dies)
        await asyncio.sleep(broken_s)
        raise ConnectionError("Connection closed by server.")

    async def _time_out(self, until_s: float, *, dies: bool) -> None:
        await asyncio.sleep(until_s - self._world.loop.time())
        self._back(dies)
        raise TimeoutError

    def _travel(self, before: str, name: str) -> float:
        chance = self._world.chance
        if self._world.weather.strikes("delayed", 0.01):
            self._world.strike("delayed", before, name)
            return chance.choice((0.02, 0.2, 1.5)) * chance.random()
        return chance.uniform(0.00005, 0.0008)

    def _pieces(self, before: str, name: str, commands: Sequence[Command]) -> list[Sequence[Command]]:
        """Cut a pipeline where the connection breaks, or where others come between."""
        world = self._world
        if len(commands) > 1:
            cut = world.chance.randrange(1, len(commands))
            if world.weather.strikes("torn", 0.02):
                world.strike("torn", before, name)
                return [commands[:cut]]
            if world.weather.strikes("interleaved", 0.05):
                world.strike("interleaved", before, name)
                return [commands[:cut], commands[cut:]]
        return [commands]

    def _arrive(self, request: "_Request", piece: Sequence[Command], wanted: int) -> None:
        world = self._world
        if world.engine_lives != request.lives or world.engine_is_down:
            if not request.reply.done():
                request.reply.set_exception(ConnectionError("Connection reset by peer"))
                request.reply.exception()  # its caller may have given up already
            return
        if request.number < self._done:
            world.strike("reordered", request.before, request.name)
        self._done = max(self._done, request.number)
        world.alternates(self._process.name, request.name)
        request.replies += world.execute(piece)
        if len(request.replies) == wanted and not request.reply.done():
            request.reply.set_result(request.replies)

    # --- the book ---

    async def book(self, name: str, run: Callable[[], T]) -> T:
        """Do one whole read or transaction; ``Unavailable`` leaves open whether it was done."""
        before, dies = self._begin(name)
        world, chance = self._world, self._world.chance
        stalls = self._process.name in world.deaf and not world.weather.is_calm
        if (stalls and chance.random() < 0.9) or world.weather.strikes("sql_refused", 0.003):
            if chance.random() < 0.5:
                world.strike("sql_refused", before, name)
            else:
                world.strike("sql_unknown", before, name)
                world.loop.call_later(chance.uniform(0.001, 2 * SQL_TIMEOUT_S), self._late, name, run)
            await asyncio.sleep(SQL_TIMEOUT_S if stalls else 0.01)
            self._back(dies)
            raise Unavailable(f"the book did not answer within {SQL_TIMEOUT_S} s")
        await asyncio.sleep(chance.uniform(0.0001, 0.0015))
        if dies and chance.random() < 0.5:
            self._back(dies)
        if not self._process.is_alive:
            raise asyncio.CancelledError
        world.alternates(self._process.name, name)
        result = run()
        await asyncio.sleep(chance.uniform(0.0001, 0.0015))
        self._back(dies)
        return result

    def _late(self, name: str, run: Callable[[], object]) -> None:
        try:
            run()
        except Exception as error:
            self._world.note(self._process.name, f"late {name}: {type(error).__name__}")


@dataclass(slots=True, eq=False)
class _Request:
    """One request on its way, which may arrive in pieces."""

    number: int
    before: str
    name: str
    reply: "asyncio.Future[list[Any]]"
    lives: int
    replies: list[Any] = field(default_factory=list)
