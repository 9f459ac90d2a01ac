"""The timer wheel: nobody is asked early, nobody is forgotten."""

from livegift.edge.wheel import SLOT_MS, SLOTS, Wheel


class Asked:
    def __init__(self, *next_ms: int) -> None:
        self.at: list[int] = []
        self._next_ms = list(next_ms)

    def tick(self, now_ms: int) -> int | None:
        self.at.append(now_ms)
        return self._next_ms.pop(0) if self._next_ms else None


def turn(wheel: Wheel, start_ms: int, end_ms: int) -> None:
    for now_ms in range(start_ms, end_ms + 1, SLOT_MS // 2):
        wheel.advance(now_ms)


def test_a_deadline_is_asked_once_it_has_passed_and_within_two_slots() -> None:
    wheel, asked = Wheel(0), Asked()
    wheel.add(asked, 5_000)
    turn(wheel, 0, 20_000)
    assert len(asked.at) == 1
    assert 5_000 <= asked.at[0] <= 5_000 + 2 * SLOT_MS


def test_the_next_deadline_is_kept() -> None:
    wheel, asked = Wheel(0), Asked(3_000, 9_000)
    wheel.add(asked, 1_000)
    turn(wheel, 0, 20_000)
    assert [at // 1_000 for at in asked.at] == [1, 3, 9]


def test_a_deadline_beyond_the_wheel_is_asked_when_it_comes_round() -> None:
    far_ms = SLOT_MS * SLOTS * 2
    wheel, asked = Wheel(0), Asked(far_ms, far_ms)
    wheel.add(asked, far_ms)
    turn(wheel, 0, far_ms + 2 * SLOT_MS)
    assert asked.at[-1] >= far_ms


def test_a_deadline_in_the_past_is_asked_at_the_next_turn() -> None:
    wheel, asked = Wheel(10_000), Asked()
    wheel.add(asked, 0)
    wheel.advance(10_000 + SLOT_MS)
    assert len(asked.at) == 1
