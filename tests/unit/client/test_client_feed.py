import msgspec
import pytest
from livegift_client.commands import Since
from livegift_client.events import AnyEvent, GiftEvent, GiftInfo, OtherEvent, Sender, Snapshot, Totals, User
from livegift_client.feed import SNAPSHOT_WAIT_MS, Feed, Item, Phase, Restored, Shown
from livegift_client.messages import Missed, RoomFrame, SnapshotPush, Subscribed


def gift(offset: int, event_id: str | None = None) -> AnyEvent:
    return GiftEvent(
        offset=offset,
        event_id=event_id or f"k{offset}",
        ts_ms=offset,
        sender=Sender("a", "Ada", False, offset),
        receiver=User("c", "Cy"),
        gift=GiftInfo("rose", "Rose", 1, 1),
        count=1,
        coins=1,
    )


def frame(*events: AnyEvent, epoch: str = "1", coins: int = 0) -> RoomFrame:
    return RoomFrame(
        room="r", epoch=epoch, offset=events[-1].offset, events=list(events), totals=Totals(coins, coins, 1)
    )


def snapshot_reply(offset: int, *, epoch: str = "1", coins: int = 0) -> Subscribed:
    snapshot = Snapshot(Totals(coins, coins, 1))
    return Subscribed(id=1, room="r", epoch=epoch, offset=offset, recovered=False, snapshot=snapshot)


def ids(items: list[Item]) -> list[str]:
    return ["snapshot" if isinstance(item, Restored) else item.event_id for item in items]


@pytest.fixture
def feed() -> Feed:
    feed = Feed("r")
    feed.phase = Phase.ASKED
    assert ids(feed.receive(snapshot_reply(10, coins=10), now_ms=0)) == ["snapshot"]
    return feed


def test_a_first_subscribe_asks_for_a_snapshot_and_a_later_one_resumes(feed: Feed) -> None:
    assert Feed("r").since is None
    assert feed.since == Since("1", 10)


def test_events_after_the_snapshot_come_in_order_and_once(feed: Feed) -> None:
    assert ids(feed.receive(frame(gift(11), gift(12), coins=12), now_ms=0)) == ["k11", "k12"]
    assert feed.receive(frame(gift(11), gift(12), coins=12), now_ms=0) == []
    assert ids(feed.receive(frame(gift(12), gift(13), coins=13), now_ms=0)) == ["k13"]
    assert (feed.offset, feed.state.coins) == (13, 13)


def test_recovered_events_are_applied_from_where_the_feed_stands(feed: Feed) -> None:
    reply = Subscribed(id=2, room="r", epoch="1", offset=13, recovered=True, events=[gift(11), gift(12), gift(13)])
    feed.receive(frame(gift(11), coins=11), now_ms=0)
    assert ids(feed.receive(reply, now_ms=0)) == ["k12", "k13"]
    assert (feed.offset, feed.state.coins) == (13, 13)


def test_an_answer_overtaken_by_a_snapshot_does_not_turn_the_feed_back(feed: Feed) -> None:
    feed.phase = Phase.ASKED
    feed.receive(SnapshotPush("r", "1", 12, Snapshot(Totals(12, 12, 1))), now_ms=0)
    reply = Subscribed(id=2, room="r", epoch="1", offset=11, recovered=True, events=[gift(11)])
    assert feed.receive(reply, now_ms=0) == []
    assert (feed.offset, feed.state.coins) == (12, 12)


def test_a_hole_is_never_silent_but_asked_for_again(feed: Feed) -> None:
    assert feed.receive(frame(gift(12), coins=12), now_ms=5.0) == []
    assert (feed.holes, feed.phase, feed.due_ms) == (1, Phase.WAITING, 5.0)
    assert feed.since == Since("1", 10)


def test_frames_are_left_aside_until_the_subscribe_is_answered(feed: Feed) -> None:
    feed.phase = Phase.ASKED
    assert feed.receive(frame(gift(11)), now_ms=0) == []
    assert feed.offset == 10


def test_a_conflated_viewer_goes_on_after_the_pushed_snapshot(feed: Feed) -> None:
    push = SnapshotPush("r", "1", 90, Snapshot(Totals(90, 90, 2)))
    assert ids(feed.receive(push, now_ms=0)) == ["snapshot"]
    assert ids(feed.receive(frame(gift(91), coins=91), now_ms=0)) == ["k91"]
    assert feed.state.totals == Totals(91, 91, 1)


def test_a_rebuilt_rooms_repeats_are_not_shown_again(feed: Feed) -> None:
    feed.receive(frame(gift(11), coins=11), now_ms=0)
    rebuilt = frame(gift(3, "k11"), gift(4, "k99"), epoch="2", coins=12)
    assert ids(feed.receive(rebuilt, now_ms=100.0)) == ["k99"]
    assert feed.state.coins == 12


def test_a_new_epoch_asks_for_a_snapshot_only_if_none_comes(feed: Feed) -> None:
    feed.receive(frame(gift(11), epoch="2", coins=11), now_ms=100.0)
    assert (feed.since, feed.due_ms) == (None, 100.0 + SNAPSHOT_WAIT_MS)
    feed.receive(SnapshotPush("r", "2", 11, Snapshot(Totals(11, 11, 1))), now_ms=200.0)
    assert (feed.since, feed.due_ms) == (Since("2", 11), None)


def test_an_unknown_event_counts_in_the_sequence_and_is_not_handed_on(feed: Feed) -> None:
    assert ids(feed.receive(frame(OtherEvent(offset=11), gift(12), coins=11), now_ms=0)) == ["k12"]
    assert feed.holes == 0


def test_shown_ids_are_remembered_for_at_least_the_bound_and_then_forgotten() -> None:
    shown = Shown(ids_max=3)
    assert all(shown.add(f"k{number}") for number in range(3))
    assert not any(shown.add(f"k{number}") for number in range(3))
    assert all(shown.add(f"k{number}") for number in range(3, 9))
    assert shown.add("k0")


def missed(cursor: str, *event_ids: str) -> Missed:
    return Missed(room="r", events=[gift(0, event_id) for event_id in event_ids], cursor=cursor)


def cursor_of(feed: Feed) -> object:
    since = feed.since
    assert since is not None
    return since.cursor


@pytest.fixture
def creator() -> Feed:
    feed = Feed("r", "creator")
    feed.phase = Phase.ASKED
    feed.receive(msgspec.structs.replace(snapshot_reply(10, coins=10), cursor="c10"), now_ms=0)
    return feed


def test_the_last_cursor_is_given_back(creator: Feed) -> None:
    assert creator.since == Since("1", 10, "c10")
    creator.receive(msgspec.structs.replace(frame(gift(11)), cursor="c11"), now_ms=0)
    assert creator.since == Since("1", 11, "c11")


def test_the_cursor_of_a_frame_that_is_not_applied_is_not_kept(creator: Feed) -> None:
    creator.receive(msgspec.structs.replace(frame(gift(12)), cursor="c12"), now_ms=0)
    assert creator.since == Since("1", 10, "c10")


def test_missed_gifts_are_handed_on_once_and_leave_the_state_to_the_snapshot(creator: Feed) -> None:
    creator.receive(msgspec.structs.replace(frame(gift(11, "a"), coins=11), cursor="c11"), now_ms=0)
    creator.phase = Phase.ASKED
    assert ids(creator.receive(missed("p1", "a", "b"), now_ms=0)) == ["b"]
    assert cursor_of(creator) == "p1"
    assert ids(creator.receive(missed("p2", "c"), now_ms=0)) == ["c"]
    assert (creator.state.coins, creator.since) == (11, Since("1", 11, "p2"))
    reply = msgspec.structs.replace(snapshot_reply(3, epoch="2", coins=13), cursor="c3")
    assert ids(creator.receive(reply, now_ms=0)) == ["snapshot"]
    assert (creator.state.coins, creator.since) == (13, Since("2", 3, "c3"))
    again = msgspec.structs.replace(frame(gift(4, "c"), gift(5, "d"), epoch="2"), cursor="c5")
    assert ids(creator.receive(again, now_ms=0)) == ["d"]
