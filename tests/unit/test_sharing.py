"""Shared readings: begun after they were asked for, one at a time, bounded, and failed for all who shared."""

import asyncio

import pytest

from livegift.errors import Unavailable
from livegift.sharing import Shared


class Reader:
    """A reading that a test lets through."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.gate = asyncio.Event()
        self.fails = False

    async def read(self, questions: list[int]) -> int:
        self.rounds.append(list(questions))
        await asyncio.sleep(0)
        await self.gate.wait()
        if self.fails:
            raise Unavailable("away")
        return len(self.rounds)


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_asks_during_a_reading_shares_the_next_one() -> None:
    reader = Reader()
    shared = Shared(reader.read)
    first = asyncio.create_task(shared.ask(1))
    await turn()
    others = [asyncio.create_task(shared.ask(number)) for number in (2, 3, 4)]
    await turn()
    assert reader.rounds == [[1]]
    reader.gate.set()
    assert [await task for task in (first, *others)] == [1, 2, 2, 2]
    assert reader.rounds == [[1], [2, 3, 4]]


async def test_a_reading_takes_no_more_questions_than_it_may() -> None:
    reader = Reader()
    reader.gate.set()
    shared = Shared(reader.read, questions_max=2)
    answers = await asyncio.gather(*(shared.ask(number) for number in range(5)))
    assert reader.rounds == [[0], [1, 2], [3, 4]]
    assert answers == [1, 2, 2, 3, 3]


async def test_a_fault_is_everybodys_and_the_next_reading_is_a_new_one() -> None:
    reader = Reader()
    reader.gate.set()
    reader.fails = True
    shared = Shared(reader.read)
    answers = await asyncio.gather(*(shared.ask(number) for number in range(3)), return_exceptions=True)
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert reader.rounds == [[0], [1, 2]]
    reader.fails = False
    assert await shared.ask(7) == 3


async def test_if_the_reader_is_cancelled_the_next_reads() -> None:
    reader = Reader()
    shared = Shared(reader.read)
    first, second = (asyncio.create_task(shared.ask(number)) for number in (1, 2))
    await turn()
    first.cancel()
    await turn()
    reader.gate.set()
    assert await second == 2
    with pytest.raises(asyncio.CancelledError):
        await first
