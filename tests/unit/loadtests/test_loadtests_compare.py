"""Two reports side by side, and the command's exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest

from loadtests.cli import app
from loadtests.compare import CannotCompare, compare, is_worse, warnings


def report(**more: Any) -> dict[str, Any]:
    figures = {"sent": 100, "lost": 0, "latency_ms": {"seen": {"p50": 10.0, "p99": 20.0, "max": None}}}
    return {"scenario": "steady", "parameters": {"viewers": 5}, "bot_limited": False, **figures, **more}


def write(path: Path, report: object) -> str:
    path.write_text(json.dumps(report))
    return str(path)


def test_only_numbers_that_both_hold_are_compared() -> None:
    lines = compare(report(extra=1), report(drift=2), worse_percent=10)
    assert [line.name for line in lines] == ["sent", "lost", "latency_ms.seen.p50", "latency_ms.seen.p99"]
    assert [line.ratio for line in lines] == [1.0, None, 1.0, 1.0]
    assert not any(line.is_worse for line in lines)


@pytest.mark.parametrize(
    ("name", "earlier", "later", "worse"),
    [
        ("latency_ms.seen.p99", 10.0, 11.0, False),
        ("latency_ms.seen.p99", 10.0, 11.1, True),
        ("latency_ms.seen.p99", 10.0, 1.0, False),
        ("lost", 0, 1, True),
        ("drift", 0, -1, True),
        ("settled", 100, 89, True),
        ("settled", 100, 120, False),
        ("cpu_us_per_delivery", 7.0, 8.0, True),
        ("machine.bots_cpu_share", 0.1, 0.9, False),
        ("figures.edge_1_rss_mb_per_hour", 1.0, 9.0, True),
    ],
)
def test_worse_is_beyond_the_share_on_the_wrong_side(name: str, earlier: float, later: float, *, worse: bool) -> None:
    assert is_worse(name, earlier, later, percent=10) is worse


def test_reports_of_other_runs_are_refused_with_what_differs() -> None:
    with pytest.raises(CannotCompare, match="the scenarios differ: steady and fanout"):
        compare(report(), report(scenario="fanout"), worse_percent=10)
    with pytest.raises(CannotCompare, match="the parameters differ: viewers 5 and 6, burst None and 2"):
        compare(report(), report(parameters={"viewers": 6, "burst": 2}), worse_percent=10)


def test_another_machine_commit_or_limit_is_warned_of() -> None:
    one = report(machine={"cores": 2, "arch": "x86_64"}, version="0.1.0", commit="aaaa")
    other = report(machine={"cores": 8, "arch": "x86_64"}, version="0.1.0", commit="bbbb", bot_limited=True)
    assert warnings(one, one) == []
    assert warnings(one, other) == [
        "the machine's cores differs: 2 and 8",
        "commit differs: aaaa and bbbb",
        "the bots were the bottleneck of the later run",
    ]


def test_warnings_stand_above_the_table_and_fail_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    earlier, later = write(tmp_path / "a", report(commit="aaaa")), write(tmp_path / "b", report(commit="bbbb"))
    assert app(["compare", earlier, later, "--strict"]) == 0
    assert capsys.readouterr().out.startswith("note: commit differs: aaaa and bbbb")


def test_the_command_fails_only_if_strict_and_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    earlier, later = write(tmp_path / "a", report()), write(tmp_path / "b", report(sent=95))
    assert app(["compare", earlier, later]) == 0
    assert app(["compare", earlier, later, "--strict"]) == 0
    assert app(["compare", earlier, later, "--worse", "4"]) == 0
    assert app(["compare", earlier, later, "--worse", "4", "--strict"]) == 1
    assert "1 of 4 figures are worse by more than 4 %" in capsys.readouterr().out


@pytest.mark.parametrize("found", ["{", "[]", '{"scenario": "steady"}', '{"scenario": "fanout", "parameters": {}}'])
def test_what_cannot_be_compared_ends_with_2_and_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], found: str
) -> None:
    (tmp_path / "b").write_text(found)
    assert app(["compare", write(tmp_path / "a", report()), str(tmp_path / "b")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
