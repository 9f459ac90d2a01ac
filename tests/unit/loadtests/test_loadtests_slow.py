"""Pairs of runs as one report."""

from typing import Any

from loadtests.pairs import joined
from loadtests.report import Report, is_clean
from loadtests.slow import add_slow
from tests.unit.loadtests.test_loadtests_report import NO_LATENCY, report


def run(p99: float | None, **more: Any) -> Report:
    latency = {"accepted": NO_LATENCY, "settled": NO_LATENCY, "seen": {**NO_LATENCY, "p99": p99}}
    return report(**{"latency_ms": latency, "drift": None, **more})


def test_the_ratio_is_the_median_of_the_pairs() -> None:
    told = joined([run(10.0), run(20.0), run(100.0)], [run(11.0), run(80.0), run(100.0)])
    assert told["figures"] == {"p99_ratio": 1.1, "p99_slower_ms": 1.0}
    assert told["latency_ms"]["seen_without_slow"]["p99"] == 20.0
    assert told["latency_ms"]["seen_with_slow"]["p99"] == 80.0
    assert told["latency_ms"]["accepted_with_slow"]["p99"] is None
    assert (told["scenario"], told["sent"], told["drift"]) == ("slow", 6, None)
    assert is_clean(told)


def test_what_is_wrong_in_any_run_is_wrong() -> None:
    without = [run(10.0, lost=1), run(10.0, drift=0)]
    told = joined(without, [run(10.0, failures=["gone"], bot_limited=True), run(None, drift=-3)])
    assert (told["lost"], told["drift"], told["failures"], told["bot_limited"]) == (1, -3, ["gone"], True)
    assert told["figures"] == {"p99_ratio": 1.0, "p99_slower_ms": 0.0}


def test_without_sightings_there_is_no_ratio() -> None:
    assert joined([run(None)], [run(None)])["figures"] == {"p99_ratio": None, "p99_slower_ms": None}


def test_it_says_how_many_were_left_behind_and_what_the_server_kept_for_them() -> None:
    told = joined([run(10.0)], [run(11.0)])
    add_slow(told, {"slow": 7, "stuck": 1}, [20.0, 68.0], stalled=64)
    figures = told["figures"]
    assert (figures["slow_snapshots"], figures["stuck_snapshots"]) == (7, 1)
    assert (figures["server_grew_mb"], figures["server_grew_mb_max"]) == (68.0, 68.0)
    assert (told["failures"], told["notes"]) == ([], [])


def test_memory_beyond_its_bound_fails_the_run() -> None:
    told = joined([run(10.0, failures=[])], [run(10.0, failures=[])])
    add_slow(told, {"slow": 0, "stuck": 0}, [68.1], stalled=64)
    assert told["failures"] == ["the edges' memory grew by 68.1 MB, the bound is 68.0"]


def test_a_longer_tail_is_said_but_a_busy_machine_fails_nothing() -> None:
    told = joined([run(10.0, notes=[])], [run(16.0, notes=[])])
    add_slow(told, {"slow": 0, "stuck": 0}, [], stalled=1)
    assert told["notes"] == ["slow viewers make the others' p99 1.60 times as long, by 6.0 ms"]
    assert is_clean(told)
