"""Readings that many share: a storm must not read once for each who comes, and there is no bound on who comes."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from livegift.clock import monotonic_ms
from livegift.errors import Fault

WOKEN_AT_ONCE = 64

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Shared(Generic[Question, Answer]):
    """A reading that begins after it was asked for, and is made once for all who have asked by then.

    One at a time, and at least ``pause_ms`` apart; one takes ``questions_max`` questions, more are for the next. What
    it raises as a ``Fault`` is raised for all of them.
    """

    __slots__ = ("_began_ms", "_gathering", "_one_at_a_time", "_pause_ms", "_questions_max", "_read")

    def __init__(
        self,
        read: Callable[[list[Question]], Awaitable[Answer]],
        *,
        pause_ms: int = 0,
        questions_max: int | None = None,
    ) -> None:
        self._read = read
        self._pause_ms = pause_ms
        self._questions_max = questions_max
        self._began_ms = monotonic_ms() - pause_ms
        self._one_at_a_time = asyncio.Lock()
        self._gathering: _Round[Question, Answer] = _Round()

    async def ask(self, question: Question) -> Answer:
        """Return what a reading finds that begins from now on."""
        while True:
            mine = self._gathering
            mine.questions.append(question)
            if len(mine.questions) == self._questions_max:
                self._gathering = _Round()
            if len(mine.questions) == 1:
                await self._lead(mine)
            else:
                await mine.told()
            if mine.fault is not None:
                raise mine.fault
            if mine.answers:
                return mine.answers[0]
            # Who was to read for all has been cancelled.

    async def _lead(self, mine: "_Round[Question, Answer]") -> None:
        """Read for everybody in this round."""
        try:
            async with self._one_at_a_time:
                wait_ms = self._began_ms + self._pause_ms - monotonic_ms()
                if wait_ms > 0:
                    await asyncio.sleep(wait_ms / 1_000)
                if self._gathering is mine:
                    self._gathering = _Round()
                self._began_ms = monotonic_ms()
                mine.answers.append(await self._read(mine.questions))
        except Fault as fault:
            mine.fault = fault
        finally:
            if self._gathering is mine:
                self._gathering = _Round()
            mine.wake()


class _Round(Generic[Question, Answer]):
    """Those who share a reading: the first of them reads, the others wait."""

    __slots__ = ("_waiting", "answers", "fault", "questions")

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self.answers: list[Answer] = []
        self.fault: Fault | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def told(self) -> None:
        """Return when the reading is done, or given up."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting

    def wake(self) -> None:
        """Tell who waits, some in each turn of the loop: what they do then must leave room for other work."""
        for _ in range(min(WOKEN_AT_ONCE, len(self._waiting))):
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self.wake)
