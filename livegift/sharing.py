"""Readings that many share: a storm must not read once for each who comes, and there is no bound on who comes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from livegift.clock import monotonic_ms
from livegift.errors import Fault

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
        self._questions_max = questions_max
        self._pause_ms = pause_ms
        self._began_ms = monotonic_ms() - pause_ms
        self._one_at_a_time = asyncio.Lock()
        self._gathering: _Round[Question, Answer] = _Round()

    async def ask(self, question: Question) -> Answer:
        """Return what a reading finds that begins from now on."""
        mine = self._gathering
        mine.questions.append(question)
        if len(mine.questions) == self._questions_max:
            self._gathering = _Round()
        # Who gets the lock first reads for its whole round; the others find the answer there, each in its own turn of
        # the loop, so that what they then write leaves room for other work. If a reader is cancelled, the next reads.
        async with self._one_at_a_time:
            if not mine.is_done:
                wait_ms = self._began_ms + self._pause_ms - monotonic_ms()
                if wait_ms > 0:
                    await asyncio.sleep(wait_ms / 1_000)
                if self._gathering is mine:
                    self._gathering = _Round()
                self._began_ms = monotonic_ms()
                try:
                    mine.answers.append(await self._read(mine.questions))
                except Fault as fault:
                    mine.fault = fault
                mine.is_done = True
        if mine.fault is not None:
            raise mine.fault
        return mine.answers[0]


class _Round(Generic[Question, Answer]):
    """Those who share a reading."""

    __slots__ = ("answers", "fault", "is_done", "questions")

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self.answers: list[Answer] = []
        self.fault: Fault | None = None
        self.is_done = False
