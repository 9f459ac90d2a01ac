"""The checker must find what is planted, and nothing else."""

from livegift_client.events import (
    AnyEvent,
    ComboEnded,
    ComboInfo,
    GiftEvent,
    GiftInfo,
    OpenCombo,
    Sender,
    Snapshot,
    Totals,
    User,
)
from livegift_client.messages import RoomFrame, SnapshotPush, Subscribed

from loadtests.room_book import Viewer
from loadtests.seen import SeenLedger, Verdict

ROSE, ADA, CY = GiftInfo("rose", "Rose", 1, 1), User("a", "Ada"), User("c", "Cy")


def gift(offset: int, event_id: str | None = None, combo: str | None = None) -> AnyEvent:
    return GiftEvent(
        offset=offset,
        event_id=event_id or f"k{offset}",
        ts_ms=0,
        sender=Sender("a", "Ada", False, offset),
        receiver=CY,
        gift=ROSE,
        count=1,
        coins=1,
        combo=ComboInfo(combo, 1, 1) if combo else None,
    )


def ended(offset: int, combo: str) -> AnyEvent:
    return ComboEnded(
        offset=offset, event_id=f"{combo}.end", combo=ComboInfo(combo, 1, 1), sender=ADA, receiver=CY, gift=ROSE
    )


class Stage:
    """Two viewers of one room, who joined at offset 0; person 0 sends."""

    def __init__(self) -> None:
        self.seen = SeenLedger()
        self.viewers = [self.seen.viewer("r", person) for person in (0, 1)]
        for viewer in self.viewers:
            self.join(viewer)

    def join(self, viewer: Viewer, *, offset: int = 0, coins: int = 0, epoch: str = "1") -> None:
        snapshot = Snapshot(Totals(coins, coins, 1))
        message = Subscribed(id=1, room="r", epoch=epoch, offset=offset, recovered=False, snapshot=snapshot)
        self.seen.observe(viewer, message, at_ms=0)

    def settle(self, *event_ids: str) -> None:
        for event_id in event_ids:
            self.seen.note_accepted("r", event_id, person=0, planned_ms=100.0)
            self.seen.note_settled("r", event_id, coins=1, count=1)

    def show(
        self, *events: AnyEvent, to: tuple[int, ...] = (0, 1), coins: int, epoch: str = "1", at_ms: float = 0
    ) -> None:
        frame = RoomFrame(
            room="r", epoch=epoch, offset=events[-1].offset, events=list(events), totals=Totals(coins, coins, 1)
        )
        for person in to:
            self.seen.observe(self.viewers[person], frame, at_ms=at_ms)

    @property
    def verdict(self) -> Verdict:
        return self.seen.verdict()


def test_a_run_in_which_everybody_saw_everything_once_is_clean() -> None:
    stage = Stage()
    stage.settle("k1", "k2")
    stage.show(gift(1), gift(2), coins=2)
    assert stage.verdict.is_clean


def test_a_settled_gift_that_one_viewer_did_not_see_is_lost() -> None:
    stage = Stage()
    stage.settle("k1", "k2")
    stage.show(gift(1), coins=1)
    stage.show(gift(2), to=(0,), coins=2)
    assert stage.verdict.lost == 1
    assert not stage.verdict.is_clean


def test_a_settled_gift_that_nobody_saw_is_lost_even_if_totals_agree() -> None:
    stage = Stage()
    stage.settle("k1")
    stage.show(ended(1, "k9"), coins=1)
    assert stage.verdict.lost == 1


def test_a_viewer_who_was_given_a_snapshot_is_excused_if_its_totals_prove_the_gift() -> None:
    stage = Stage()
    stage.settle("k1")
    stage.show(gift(1), to=(0,), coins=1)
    stage.join(stage.viewers[1], offset=1, coins=1)
    assert stage.verdict.is_clean


def test_a_snapshot_whose_totals_lack_the_gift_excuses_nothing() -> None:
    stage = Stage()
    stage.settle("k1")
    stage.show(gift(1), to=(0,), coins=1)
    stage.join(stage.viewers[1], offset=1, coins=0)
    assert stage.verdict.lost == 1


def test_a_recovered_viewer_has_seen_what_the_reply_brought() -> None:
    stage = Stage()
    stage.settle("k1", "k2")
    stage.show(gift(1), gift(2), to=(0,), coins=2)
    events = [gift(1), gift(2)]
    reply = Subscribed(id=2, room="r", epoch="1", offset=2, recovered=True, events=events)
    stage.seen.observe(stage.viewers[1], reply, at_ms=0)
    assert stage.verdict.is_clean


def test_an_event_that_comes_twice_in_an_epoch_is_doubled() -> None:
    stage = Stage()
    stage.settle("k1")
    stage.show(gift(1), gift(2, "k1"), coins=1)
    assert stage.verdict.doubled == 2
    assert stage.verdict.out_of_order == 0


def test_a_repeat_under_a_new_epoch_is_allowed() -> None:
    stage = Stage()
    stage.settle("k1")
    stage.show(gift(1), coins=1)
    stage.show(gift(1), coins=1, epoch="2")
    assert stage.verdict.is_clean


def test_a_gift_shown_but_never_settled_is_doubled() -> None:
    stage = Stage()
    stage.settle("k1")
    stage.show(gift(1), gift(2, "ghost"), coins=2)
    assert stage.verdict.doubled >= 1
    assert any("not settled" in failure for failure in stage.verdict.failures)


def test_totals_above_what_was_settled_are_doubled() -> None:
    stage = Stage()
    stage.settle("k1")
    stage.show(gift(1), coins=2)
    assert stage.verdict.doubled == 1


def test_totals_below_what_was_settled_are_lost() -> None:
    stage = Stage()
    stage.settle("k1")
    stage.show(gift(1), coins=0)
    assert stage.verdict.lost == 1


def test_a_missing_or_repeated_offset_is_out_of_order() -> None:
    stage = Stage()
    stage.settle("k1", "k3", "k4")
    stage.show(gift(1), gift(3), to=(0,), coins=2)
    assert stage.verdict.out_of_order == 1
    stage.show(gift(3, "k4"), to=(0,), coins=3)
    assert stage.verdict.out_of_order == 2


def test_offsets_may_start_anywhere_in_a_new_epoch_but_go_on_by_one() -> None:
    stage = Stage()
    stage.settle("k40", "k41", "k43")
    stage.show(gift(40), gift(41), coins=2, epoch="2")
    assert stage.verdict.out_of_order == 0
    stage.show(gift(43), coins=3, epoch="2")
    assert stage.verdict.out_of_order == 2


def test_a_combo_is_open_until_its_end_was_seen_and_its_second_end_is_doubled() -> None:
    stage = Stage()
    stage.settle("k1")
    stage.show(gift(1, combo="k1"), coins=1)
    assert stage.verdict.combos_open == 1
    stage.show(ended(2, "k1"), coins=1)
    assert stage.verdict.is_clean
    stage.show(ended(3, "k1"), to=(0,), coins=1)
    assert stage.verdict.doubled == 1


def test_a_combo_absent_from_a_snapshot_has_ended_and_one_that_stands_in_it_has_not() -> None:
    stage = Stage()
    stage.settle("k1")
    stage.show(gift(1, combo="k1"), coins=1)
    for viewer, combos in zip(stage.viewers, ([], [OpenCombo("k1", ADA, CY, ROSE, 1, 1)]), strict=True):
        push = SnapshotPush("r", "1", 1, Snapshot(Totals(1, 1, 1), [], combos))
        stage.seen.observe(viewer, push, at_ms=0)
    assert stage.verdict.combos_open == 1


def test_latency_counts_from_the_plan_at_other_viewers_only_whoever_hears_first() -> None:
    stage = Stage()
    stage.show(gift(1), coins=1, at_ms=150.0)
    stage.settle("k1")
    assert (stage.seen.sightings, stage.seen.latency.summary()["max"]) == (1, 50.0)
    stage.settle("k2")
    stage.show(gift(2), coins=2, at_ms=170.0)
    assert (stage.seen.sightings, stage.seen.latency.summary()["max"]) == (2, 70.0)
