"""Followers, without a network: what they make of frames, and what the run makes of what they tell."""

import asyncio
from typing import Any

import msgspec
import pytest
from livegift_client.events import ComboEnded, ComboInfo, GiftEvent, GiftInfo, Sender, Snapshot, Totals, User
from livegift_client.messages import RoomFrame, SnapshotPush, Subscribed

from loadtests.follower import Follower
from loadtests.followers import Followers
from loadtests.following import Party, Told
from loadtests.seen import SeenLedger, Verdict
from loadtests.vitals import Vitals

ROSE, ADA, CY = GiftInfo("rose", "Rose", 1, 1), User("a", "Ada"), User("c", "Cy")


def told(**more: Any) -> Told:
    clean = Told(
        followers=2,
        live=2,
        events=0,
        sightings=0,
        holes=0,
        doubled=0,
        contradictions=0,
        reconnects=0,
        snapshots={},
        frames_per_s=0.0,
        bytes_per_s=0.0,
        pages=[],
        cpu_share=0.1,
        lag_p99_ms=1.0,
        is_limited=False,
    )
    return {**clean, **more}  # type: ignore[typeddict-item]


def gift(offset: int, event_id: str | None = None) -> GiftEvent:
    return GiftEvent(
        offset=offset,
        event_id=event_id or f"k{offset}",
        ts_ms=0,
        sender=Sender("a", "Ada", False, offset),
        receiver=CY,
        gift=ROSE,
        count=1,
        coins=1,
    )


def frame(*offsets: int, coins: int, epoch: str = "1", event_id: str | None = None) -> bytes:
    events: list[Any] = [gift(offset, event_id) for offset in offsets]
    message = RoomFrame(room="r", epoch=epoch, offset=offsets[-1], events=events, totals=Totals(coins, coins, 1))
    return msgspec.json.encode(message)


def subscribed(offset: int, *, coins: int = 0) -> bytes:
    snapshot = Snapshot(Totals(coins, coins, 1))
    reply = Subscribed(id=2, room="r", epoch="1", offset=offset, recovered=False, snapshot=snapshot)
    return msgspec.json.encode(reply)


class Hall:
    """Two followers of one room, who joined at offset 0."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        people: list[Any] = [("token", 0, "honest"), ("token", 0, "slow")]
        self.party = Party({"host": "", "port": 0, "rooms": ["r"], "people": people, "timed_every": 1}, tasks)
        for follower in self.party.followers:
            self.party.take(follower, subscribed(0))

    def show(self, payload: bytes, *, to: tuple[int, ...] = (0, 1)) -> None:
        for number in to:
            self.party.take(self.party.followers[number], payload)

    @property
    def followers(self) -> list[Follower]:
        return self.party.followers

    def told(self) -> Told:
        return self.party.told(Vitals())


@pytest.fixture
async def hall() -> Hall:
    async with asyncio.TaskGroup() as tasks:
        return Hall(tasks)


async def test_who_sees_every_offset_once_has_no_holes_and_stands_on_the_totals(hall: Hall) -> None:
    hall.show(frame(1, 2, coins=2))
    hall.show(frame(3, coins=3))
    found = hall.told()
    assert (found["events"], found["sightings"], found["holes"], found["doubled"]) == (6, 6, 0, 0)
    assert hall.party.places() == {"r": {"1 3 3 3": 2}}


async def test_a_missed_offset_is_a_hole_and_a_repeat_is_doubled(hall: Hall) -> None:
    hall.show(frame(1, coins=1))
    hall.show(frame(2, coins=2), to=(0,))
    hall.show(frame(3, coins=3))
    assert (hall.told()["holes"], hall.told()["doubled"]) == (1, 0)
    hall.show(frame(3, coins=3), to=(0,))
    assert hall.told()["doubled"] == 1


async def test_an_epoch_may_begin_anywhere_and_goes_on_by_one(hall: Hall) -> None:
    hall.show(frame(9, coins=1, epoch="2"))
    assert hall.told()["holes"] == 0
    hall.show(frame(11, coins=2, epoch="2"))
    assert hall.told()["holes"] == 2


async def test_one_offset_that_says_two_things_is_a_contradiction(hall: Hall) -> None:
    hall.show(frame(1, coins=1), to=(0,))
    hall.show(frame(1, coins=1, event_id="other-gift"), to=(1,))
    assert hall.told()["contradictions"] == 1


async def test_a_snapshot_moves_a_follower_and_is_counted_by_kind(hall: Hall) -> None:
    push = SnapshotPush("r", "1", 5, Snapshot(Totals(7, 7, 1)))
    hall.show(msgspec.json.encode(push), to=(1,))
    found = hall.told()
    assert (found["snapshots"], found["holes"]) == ({"slow": 1}, 0)
    hall.show(frame(6, coins=8), to=(1,))
    assert hall.party.places()["r"]["1 6 8 8"] == 1


async def test_what_a_reply_brings_back_is_seen_and_added_up(hall: Hall) -> None:
    hall.show(frame(1, coins=1))
    reply = Subscribed(id=2, room="r", epoch="1", offset=3, recovered=True, events=[gift(2), gift(3)])
    hall.show(msgspec.json.encode(reply))
    assert hall.told()["holes"] == 0
    assert hall.party.places() == {"r": {"1 3 3 3": 2}}


async def test_only_timed_followers_note_times_and_a_page_is_told_again_with_new_ones(hall: Hall) -> None:
    hall.show(frame(1, coins=1))
    ((room, epoch, first, ids, times_ms),) = hall.told()["pages"]
    assert (room, epoch, first, ids, len(times_ms)) == ("r", "1", 1, ["k1"], 1)
    assert hall.told()["pages"] == []


class Judged:
    """A run's own view of one room in which person 0 sent what settled, and what followers tell of it."""

    def __init__(self, *settled: str) -> None:
        self.seen = SeenLedger()
        self.seen.viewer("r", 0)
        self.followers = Followers(self.seen)
        for event_id in settled:
            self.seen.note_accepted("r", event_id, person=0, planned_ms=100.0)
            self.seen.note_settled("r", event_id, coins=1, count=1)

    def verdict(self, *, stand: str, **more: Any) -> Verdict:
        self.followers.told = [told(**more)]
        self.followers.places = {"r": {stand: 2}}
        verdict = Verdict()
        self.followers.judge(verdict)
        return verdict


def test_followers_who_end_on_what_was_settled_are_clean() -> None:
    assert Judged("k1", "k2").verdict(stand="1 2 2 2").is_clean


def test_followers_who_end_on_less_have_lost_and_on_more_have_doubled() -> None:
    less, more = Judged("k1", "k2").verdict(stand="1 2 1 1"), Judged("k1", "k2").verdict(stand="1 2 3 3")
    assert (less.lost, less.doubled, more.lost, more.doubled) == (1, 0, 0, 1)
    assert less.failures == ["room r: 2 followers end on other sums than the 2 coins in 2 gifts settled"]


@pytest.mark.parametrize(
    ("what", "figure"), [("holes", "out_of_order"), ("doubled", "doubled"), ("contradictions", "doubled")]
)
def test_what_processes_count_is_added_to_the_verdict(what: str, figure: str) -> None:
    verdict = Judged("k1").verdict(stand="1 1 1 1", **{what: 3})
    assert getattr(verdict, figure) == 3
    assert not verdict.is_clean


def test_an_event_that_only_followers_were_shown_is_doubled_but_a_combos_end_is_not() -> None:
    judged = Judged("k1")
    judged.followers.note(0, ("r", "1", 1, ["k1", "k1.end", "other 3"], []))
    assert judged.verdict(stand="1 1 1 1").is_clean
    judged.followers.note(1, ("r", "1", 4, ["ghost"], []))
    assert judged.verdict(stand="1 1 1 1").doubled == 1


class Talking:
    """Processes that say what they were given."""

    def __init__(self, *answers: list[Told]) -> None:
        self._answers = list(answers)

    async def ask(self, word: str) -> list[Told]:
        return self._answers.pop(0)


async def test_sightings_are_timed_from_the_plan_once_the_sender_knows_of_the_gift() -> None:
    judged = Judged()
    page = ("r", "1", 1, ["k1"], [150.0, 170.0])
    judged.followers.crowd = Talking([told(pages=[page])], [told()])  # type: ignore[assignment]
    await judged.followers.ask()
    assert judged.seen.latency.count == 0
    judged.seen.note_accepted("r", "k1", person=0, planned_ms=100.0)
    await judged.followers.ask()
    assert (judged.seen.latency.count, judged.seen.latency.summary()["max"]) == (2, 70.0)


async def test_gifts_of_all_processes_are_timed_in_one_histogram() -> None:
    judged = Judged("k1")
    pages = [told(pages=[("r", "1", 1, ["k1"], [110.0])]), told(pages=[("r", "1", 1, ["k1"], [300.0])])]
    judged.followers.crowd = Talking(pages)  # type: ignore[assignment]
    await judged.followers.ask()
    assert (judged.seen.latency.count, judged.seen.latency.percentile(0.5)) == (2, pytest.approx(10.0, rel=0.01))


async def test_a_loop_that_is_held_up_is_said_to_be_the_bottleneck() -> None:
    vitals, over = Vitals(), asyncio.Event()
    watching = asyncio.create_task(vitals.watch(over))
    for _ in range(3):
        await asyncio.sleep(0)
        time_out = asyncio.get_running_loop().time() + 0.06
        while asyncio.get_running_loop().time() < time_out:
            pass  # a bot that reads, or thinks, for longer than its timers can wait
        await asyncio.sleep(0.001)
    over.set()
    await watching
    assert vitals.is_limited
    assert vitals.fared()["bots_lag_p99_ms"] == vitals.lag.percentile(0.99)


async def test_a_combos_end_has_no_plan_and_is_not_timed() -> None:
    judged = Judged("k1")
    witness = judged.seen.rooms["r"].viewers[0]
    end = ComboEnded(offset=2, event_id="k1.end", combo=ComboInfo("k1", 1, 1), sender=ADA, receiver=CY, gift=ROSE)
    seen = RoomFrame(room="r", epoch="1", offset=2, events=[gift(1), end], totals=Totals(1, 1, 1))
    judged.seen.observe(witness, seen, at_ms=0)
    judged.followers.crowd = Talking([told(pages=[("r", "1", 1, ["k1", "k1.end"], [110.0])])])  # type: ignore[assignment]
    await judged.followers.ask()
    assert judged.seen.latency.count == 1
