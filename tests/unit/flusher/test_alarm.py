"""When an alarm rings."""

from livegift.flusher.backlog import FULL, HALF, NEARLY, Alarm


def test_each_level_rings_once_and_anew_only_after_the_share_has_fallen_well_below() -> None:
    alarm = Alarm()
    shares = (0.49, 0.5, 0.89, 0.9, 0.95, 0.9, 1.0, 0.95, 1.0, 0.89, 1.0, 0.69, 0.9, 0.11, 0.5, 0.09, 0.5)
    rung = [alarm.take(share) for share in shares]
    assert [levels for levels, _ in rung] == [
        *([], [HALF], [], [NEARLY], [], [], [FULL], [], [], []),
        *([FULL], [], [NEARLY], [], [], [], [HALF]),
    ]
    assert [drained for _, drained in rung] == [share == 0.09 for share in shares]


def test_a_jump_rings_every_level_it_passes() -> None:
    assert Alarm().take(1.0) == ([HALF, NEARLY, FULL], False)
