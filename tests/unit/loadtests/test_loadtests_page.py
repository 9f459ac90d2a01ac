"""The report as a page: what it says, and that it needs nobody else."""

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from loadtests.charts import latencies, number, of_kind, path, rates, round_up, time_ms
from loadtests.page import page
from tests.unit.loadtests.test_loadtests_report import report

LATENCY = {"p50": 1.5, "p99": 20.0, "p999": 31.0, "max": 1_200.0}
CURVES = {"at_s": [0.5, 1.0, 1.5], "sent": [20.0, 21.0, 19.0], "settled": [18.0, 21.0, 20.0], "seen": [0.0, 900.0, 5.0]}


def full(**more: Any) -> str:
    latency = {"accepted": LATENCY, "seen": dict.fromkeys(LATENCY)}
    return page(report(latency_ms=latency, over_time=CURVES, machine={"cores": 2}, **more))


def test_a_page_asks_for_nothing_and_runs_nothing() -> None:
    found = full()
    assert not re.search(r"<script|<link rel=\"style|https?:|@import|url\(|src=", found)
    assert found.count("<svg") == 3


def test_every_drawing_is_well_formed() -> None:
    for drawing in re.findall(r"<svg.*?</svg>", full(), flags=re.S):
        ElementTree.fromstring(drawing)


def test_a_clean_run_is_said_to_be_clean() -> None:
    found = full()
    assert "verdict is-bad" not in found
    assert "The bots were the bottleneck" not in found
    assert "lost <b>0</b></span>" in found


def test_open_combos_are_only_spoken_of_if_there_are_any() -> None:
    assert "combos open" not in full()
    assert '<span class="zero is-bad">combos open <b>2</b>' in full(combos_open=2)


def test_what_is_wrong_stands_out_and_words_from_outside_are_words() -> None:
    found = full(lost=3, drift=None, failures=["room <b>: gone"], bot_limited=True)
    assert "verdict is-bad" in found
    assert '<span class="zero is-bad">lost <b>3</b>' in found
    assert '<span class="zero unknown">drift <b>not audited</b>' in found
    assert "room &lt;b&gt;: gone" in found
    assert "The bots were the bottleneck" in found


def test_a_run_too_short_for_curves_has_none() -> None:
    assert rates("Rates", {"at_s": [0.5], "sent": [1.0]}, {"sent": "sent"}, {}) == ""
    assert rates("Rates", CURVES, {"away": "away"}, {}) == ""
    assert latencies({"seen": dict.fromkeys(LATENCY)}) == ""


def test_a_moment_is_marked_at_its_place() -> None:
    drawn = rates("Rates", CURVES, {"sent": "sent"}, {"storm": 0.75, "never": 9.0})
    assert '<span class="mark" style="left:50.00%"><b>storm</b>' in drawn
    assert "never" not in drawn


def test_paths_start_at_the_lower_left() -> None:
    assert path([(0.0, 0.0), (1.0, 1.0)]) == "M0.0 100.0L1000.0 0.0"
    assert path([]) == ""


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (0.9, 1), (1.2, 2), (2.1, 2.5), (230, 250), (251, 500), (5_100, 10_000)]
)
def test_scales_end_at_round_numbers(value: float, top: float) -> None:
    assert round_up(value) == pytest.approx(top)


def test_numbers_are_short() -> None:
    assert [number(value) for value in (12_345, 1234.5, 12.34, 1.234)] == ["12,345", "1,234", "12.3", "1.23"]
    assert [number(value) for value in (0.5, 0)] == ["0.5", "0"]
    assert [time_ms(value) for value in (0.25, 40.0, 1_500.0)] == ["0.25 ms", "40 ms", "1.5 s"]


def test_the_servers_processes_are_drawn_from_their_lowest_so_that_a_leak_is_a_slope() -> None:
    curves = {"at_s": [1.0, 2.0], "edge 1 rss_mb": [700.0, 730.0], "edge 1 cpu_percent": [5.0, 9.0]}
    assert of_kind(curves, "rss_mb", is_from_lowest=True) == {"at_s": [1.0, 2.0], "edge 1": [0.0, 30.0]}
    assert of_kind(curves, "cpu_percent", is_from_lowest=False)["edge 1"] == [5.0, 9.0]
    found = full(server_over_time=curves)
    assert "Memory of the server" in found
    assert "Open descriptors" not in found


def test_a_report_names_its_commit_and_whose_it_is() -> None:
    assert "commit <b>0123456789</b>, begun 2026-01-01 00:00:00 UTC" in full()
    assert "livegift 0.1.0 (of the bots)" in full(of_server=False)


def test_notes_warn_and_fail_nothing() -> None:
    found = full(notes=["slower <than>"])
    assert '<p class="warning">slower &lt;than&gt;</p>' in found
    assert "verdict is-bad" not in found
