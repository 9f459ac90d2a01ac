import pytest
from hypothesis import given
from hypothesis import strategies as st
from livegift_client.ids import ServerClock, uuid7, uuid7_ms


@given(time_ms=st.integers(0, 2**47))
def test_a_gift_id_is_a_uuid7_that_holds_the_time_it_was_made_for(time_ms: int) -> None:
    made = uuid7(time_ms)
    assert uuid7_ms(made) == time_ms
    assert made[14] == "7"
    assert made[19] in "89ab"


def test_ids_of_one_millisecond_differ() -> None:
    assert len({uuid7(1_700_000_000_000) for _ in range(1_000)}) == 1_000


def test_the_servers_time_follows_the_monotonic_clock_whatever_the_device_believes() -> None:
    clock = ServerClock()
    assert not clock.is_set
    clock.set(1_700_000_000_000, at_ms=5_000.0)
    assert clock.now_ms(5_250.0) == 1_700_000_000_250


def test_another_kind_of_uuid_is_refused() -> None:
    with pytest.raises(ValueError, match="version 4"):
        uuid7_ms("7b1c4be0-9f3f-4c6e-8f7a-3d1b5f0a2c4d")
