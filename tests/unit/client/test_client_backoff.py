from hypothesis import given
from hypothesis import strategies as st
from livegift_client.backoff import BASE_MS, CAP_MS, STABLE_MS, Backoff


@given(chances=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=40))
def test_a_delay_never_exceeds_the_doubling_ceiling_nor_the_cap(chances: list[float]) -> None:
    draws = iter(chances)
    backoff = Backoff(lambda: next(draws))
    for attempt in range(len(chances)):
        assert 0 <= backoff.next_ms() <= min(CAP_MS, BASE_MS * 2**attempt)


def test_delays_use_the_whole_range_below_the_ceiling() -> None:
    lowest, highest = Backoff(lambda: 0.0), Backoff(lambda: 0.999999)
    assert [lowest.next_ms() for _ in range(3)] == [0, 0, 0]
    assert [highest.next_ms() for _ in range(3)] == [499, 999, 1_999]


def test_a_stable_connection_starts_the_delays_over_and_a_short_one_does_not() -> None:
    backoff = Backoff(lambda: 0.5)
    backoff.next_ms()
    backoff.connection_ended(lived_ms=STABLE_MS - 1)
    assert backoff.attempts == 1
    backoff.connection_ended(lived_ms=STABLE_MS)
    assert backoff.attempts == 0
