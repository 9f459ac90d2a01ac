"""When a dead process is started again."""

from livegift.supervisor.children import BackOff


def test_pauses_double_up_to_two_seconds() -> None:
    back_off = BackOff()
    assert [back_off.after(0) for _ in range(7)] == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_a_process_that_was_well_for_2_s_starts_at_once_again() -> None:
    back_off = BackOff()
    for _ in range(5):
        back_off.after(1)
    assert back_off.after(2) == 0.1
    assert back_off.after(1.9) == 0.2
