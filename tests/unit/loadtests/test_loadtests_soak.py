"""What counts as a leak."""

from typing import Any

import pytest

from loadtests.report import is_clean
from loadtests.soak import add_soak, growth, median_slope
from tests.unit.loadtests.test_loadtests_report import report

HOUR = [float(second) for second in range(0, 3_601, 60)]


def soaked(name: str, values: list[float], times: list[float] | None = None) -> Any:
    told = report(failures=[], server_over_time={"at_s": times or HOUR, name: values})
    add_soak(told, growth_mb_per_hour=32.0)
    return told


def leak(mb_per_hour: float) -> list[float]:
    return [100.0 + mb_per_hour * second / 3_600 for second in HOUR]


def test_a_slope_in_memory_fails_the_run() -> None:
    told = soaked("edge 2 rss_mb", leak(40.0))
    assert told["failures"] == ["edge 2: memory grows by 40.0 MB an hour"]
    assert told["figures"] == {"edge_2_rss_mb_per_hour": 40.0}


def test_a_slope_below_what_was_allowed_is_only_told() -> None:
    told = soaked("flusher rss_mb", leak(31.0))
    assert is_clean(told)
    assert told["figures"]["flusher_rss_mb_per_hour"] == 31.0


def test_warming_up_and_bursts_are_no_leak() -> None:
    warm = [100.0 + min(second, 900.0) for second in HOUR]
    burst = [100.0 + (300.0 if second == 3_000 else 0.0) for second in HOUR]
    assert is_clean(soaked("edge rss_mb", warm))
    assert is_clean(soaked("edge rss_mb", burst))


def test_what_a_short_run_grows_by_is_too_little_to_say() -> None:
    times = [float(second) for second in range(60)]
    told = soaked("edge rss_mb", [100.0 + second / 60 * 10 for second in times], times)
    assert told["figures"]["edge_rss_mb_per_hour"] == 600.0
    assert is_clean(told)


def test_valkey_is_told_of_and_not_judged() -> None:
    told = soaked("valkey rss_mb", leak(900.0))
    assert (told["failures"], told["figures"]) == ([], {"valkey_rss_mb_per_hour": 900.0})


def test_descriptors_that_are_never_closed_fail_the_run() -> None:
    assert soaked("edge descriptors", leak(50.0))["failures"] == ["edge: open descriptors grow by 50 an hour"]
    assert is_clean(soaked("edge descriptors", leak(10.0)))


def test_cpu_has_no_slope() -> None:
    assert soaked("edge cpu_percent", leak(500.0))["figures"] == {}


def test_nothing_known_is_nothing_grown() -> None:
    assert growth({"at_s": [], "edge rss_mb": []}, "edge rss_mb") == (0.0, 0.0)
    assert median_slope([1.0], [2.0]) == 0.0


@pytest.mark.parametrize("outlier", [-1_000.0, 1_000.0])
def test_one_odd_value_does_not_tilt_a_slope(outlier: float) -> None:
    values = [float(at) for at in range(20)]
    values[7] = outlier
    assert median_slope([float(at) for at in range(20)], values) == pytest.approx(1.0)
