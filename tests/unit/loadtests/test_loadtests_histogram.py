import math

from hypothesis import given
from hypothesis import strategies as st

from loadtests.histogram import Histogram

DURATIONS = st.lists(st.floats(0, 10_000_000), min_size=1, max_size=200)


@given(durations_ms=DURATIONS, quantile=st.sampled_from([0.01, 0.5, 0.9, 0.99, 0.999, 1.0]))
def test_a_percentile_is_at_most_one_in_128_above_that_of_the_sorted_values(
    durations_ms: list[float], quantile: float
) -> None:
    histogram = Histogram()
    for duration_ms in durations_ms:
        histogram.record(duration_ms)
    exact_us = sorted(round(value * 1_000) for value in durations_ms)[math.ceil(quantile * len(durations_ms)) - 1]
    found = histogram.percentile(quantile)
    assert found is not None
    assert exact_us <= round(found * 1_000) <= exact_us * (1 + 1 / 128)


@given(durations_ms=DURATIONS)
def test_the_maximum_is_exact(durations_ms: list[float]) -> None:
    histogram = Histogram()
    for duration_ms in durations_ms:
        histogram.record(duration_ms)
    assert histogram.summary()["max"] == max(round(value * 1_000) for value in durations_ms) / 1_000


def test_an_empty_histogram_has_no_figures() -> None:
    assert Histogram().summary() == {"p50": None, "p99": None, "p999": None, "max": None}


def test_a_negative_duration_counts_as_zero() -> None:
    histogram = Histogram()
    histogram.record(-0.4)
    assert (histogram.count, histogram.percentile(1.0)) == (1, 0.0)
