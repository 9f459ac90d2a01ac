"""Curves: rates between readings, in bounded memory, added up over processes."""

import asyncio

from loadtests.timeline import READINGS_MAX, Timeline, add_up, beside


def test_a_rate_is_what_came_between_two_readings() -> None:
    sums = iter([{"sent": 0}, {"sent": 10}, {"sent": 10}, {"sent": 40}])
    line = Timeline(lambda: next(sums))
    for at_s in (0.0, 0.5, 1.0, 2.0):
        line.note(at_s)
    assert line.rates() == {"at_s": [0.5, 1.0, 2.0], "sent": [20.0, 0.0, 30.0]}


def test_nothing_read_is_no_curve() -> None:
    assert Timeline(lambda: {"sent": 0}).rates() == {"at_s": []}


def test_a_long_run_keeps_its_sums_in_bounded_memory() -> None:
    sent = 0
    line = Timeline(lambda: {"sent": sent})
    for step in range(READINGS_MAX * 8):
        sent = step * 5
        line.note(float(step))
    curves = line.rates()
    assert len(curves["at_s"]) <= READINGS_MAX
    assert set(curves["sent"]) == {5.0}


async def test_watching_ends_when_it_is_over() -> None:
    over = asyncio.Event()
    over.set()
    line = Timeline(lambda: {"sent": 1})
    await line.watch(over)
    assert line.rates()["at_s"] == []


def test_processes_add_up_as_far_as_the_shortest_goes() -> None:
    one, two = {"at_s": [0.5, 1.0], "seen": [1.0, 2.0]}, {"at_s": [0.5], "seen": [10.0]}
    assert add_up([one, two])["seen"] == [11.0]
    assert add_up([]) == {}
    assert beside({"at_s": [0.51], "sent": [3.0]}, one) == {"at_s": [0.51], "seen": [1.0], "sent": [3.0]}
