"""A run that is steered: what it says of itself, and what words do to it."""

import asyncio
import json
import os
from collections.abc import Iterator

import pytest

from loadtests import steered
from loadtests.mark import Mark
from loadtests.report import Report
from loadtests.schedule import Planned
from loadtests.steady import Steady
from loadtests.steered import Steering, figures
from loadtests.tally import Gift


class Scripted(Steady):
    """A run without a server: it waits until it is told to finish."""

    began: asyncio.Event

    async def run(self) -> Report:
        self.start_ms = asyncio.get_running_loop().time() * 1_000
        self.began.set()
        await self.finish.wait()
        return {"sent": 7}  # type: ignore[typeddict-item]


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The writing end of what is stdin to the run; emptied by who closes it."""
    read_fd, write_fd = os.pipe()
    monkeypatch.setattr(steered, "stdin_pipe", lambda: read_fd)
    ends = [write_fd]
    yield ends
    for fd in (read_fd, *ends):
        os.close(fd)


def scripted() -> Scripted:
    run = Scripted(url="", rooms=1, viewers=1, senders=1, rate=1.0, seconds=1.0, seed=1)
    run.began = asyncio.Event()
    return run


def test_a_mark_waits_for_the_first_gift_sent_after_it() -> None:
    mark = Mark("1", at_ms=1_000.0)
    mark.note(sent_ms=999.0, at_ms=1_050.0)  # sent before, seen after: it was on its way
    assert mark.is_open
    mark.note(sent_ms=1_010.0, at_ms=1_400.0)
    mark.note(sent_ms=1_020.0, at_ms=1_500.0)
    assert mark.seen_after_ms == 400.0


async def test_figures_count_what_still_waits() -> None:
    run = scripted()
    assert figures(run, "joining")["at_ms"] is None
    for index in range(3):
        run.tally.note_sent(Gift(Planned(index, 0.0, 0, "rose", 1), "r", 0, planned_ms=0.0), now_ms=0.0)
    run.tally.refusals["limit"] += 1
    run.start_ms = asyncio.get_running_loop().time() * 1_000
    found = figures(run, "gifting")
    assert (found["doing"], found["sent"], found["waiting"], found["shown"]) == ("gifting", 3, 2, 0)
    assert found["at_ms"] is not None


async def test_finish_ends_a_run_and_a_word_cut_in_two_is_one_word(
    words: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    run = scripted()
    os.write(words[0], b"nonsense\nfin")
    async with asyncio.timeout(5):
        steering = asyncio.create_task(Steering().run(run))
        os.write(words[0], b"ish\n")
        assert await steering == {"sent": 7}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["type"] for line in lines] == ["progress"]


async def test_a_mark_is_told_at_the_latest_with_the_end(words: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    run = scripted()
    async with asyncio.timeout(5):
        steering = asyncio.create_task(Steering().run(run))
        await run.began.wait()
        os.write(words[0], b"mark 1\nfinish\n")
        await steering
    marks = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if line["type"] == "mark"]
    assert [(mark["name"], mark["seen_after_ms"]) for mark in marks] == [("1", None)]
    assert 0 <= marks[0]["at_ms"] < 5_000


async def test_the_end_of_stdin_ends_the_run(words: list[int]) -> None:
    os.close(words.pop())
    async with asyncio.timeout(5):
        assert await Steering().run(scripted()) is None
