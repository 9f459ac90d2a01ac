"""The turnstile: some in each turn of the loop, in order, whatever becomes of one, and for nobody who has gone."""

import asyncio
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from livegift.edge import turnstile as module
from livegift.edge.turnstile import ADMITTED_AT_ONCE, LONG, Turnstile

CROWD = 5 * ADMITTED_AT_ONCE


@pytest.fixture(autouse=True)
def time_stands_still(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a clock that the test moves."""
    now = [0]
    monkeypatch.setattr(module, "monotonic_ms", lambda: now[0])
    return now


def note(passed: list[int], number: int) -> bool:
    passed.append(number)
    return True


async def turns(passed: list[int], count: int) -> list[int]:
    """Return how many passed in each turn of the loop."""
    counts = [0]
    while len(passed) < count:
        await asyncio.sleep(0)
        counts.append(len(passed))
    return [after - before for before, after in pairwise(counts)]


async def test_a_crowd_passes_in_order_some_in_each_turn() -> None:
    turnstile, passed = Turnstile(), list[int]()
    for number in range(CROWD):
        turnstile.enter(partial(note, passed, number))
    assert max(await turns(passed, CROWD)) == ADMITTED_AT_ONCE
    assert passed == list(range(CROWD))


async def test_a_turn_ends_when_its_time_is_up(time_stands_still: list[int]) -> None:
    turnstile, passed = Turnstile(), list[int]()

    def slow(number: int) -> bool:
        time_stands_still[0] += module.TURN_MS + 1
        return note(passed, number)

    for number in range(10):
        turnstile.enter(partial(slow, number))
    assert max(await turns(passed, 10)) == 1


async def test_who_has_gone_takes_nobodys_place() -> None:
    turnstile, passed = Turnstile(), list[int]()
    for _ in range(CROWD):
        turnstile.enter(lambda: False)
    turnstile.enter(partial(note, passed, 1))
    await asyncio.sleep(0)
    assert passed == [1]


async def test_who_waits_for_a_turn_gets_one_behind_those_before() -> None:
    turnstile, passed = Turnstile(), list[int]()

    async def wait(number: int) -> None:
        await turnstile.passed(lambda: number != 5)
        passed.append(number)

    waiting = [asyncio.create_task(wait(number)) for number in range(2 * ADMITTED_AT_ONCE)]
    await asyncio.sleep(0)
    waiting[3].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert sorted(passed) == [number for number in range(2 * ADMITTED_AT_ONCE) if number != 3]


async def test_one_that_raises_holds_up_nobody() -> None:
    turnstile, passed = Turnstile(), list[int]()
    raised: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))

    def fail() -> bool:
        raise RuntimeError("a bug")

    turnstile.enter(fail)
    for number in range(CROWD):
        turnstile.enter(partial(note, passed, number))
    await turns(passed, CROWD)
    assert passed == list(range(CROWD))
    assert len(raised) == 1


async def test_a_long_queue_says_so() -> None:
    turnstile = Turnstile()
    for _ in range(LONG - 1):
        turnstile.enter(lambda: False)
    assert not turnstile.is_long
    turnstile.enter(lambda: False)
    assert turnstile.is_long
