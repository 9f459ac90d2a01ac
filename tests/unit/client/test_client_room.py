"""Folding events must equal a fresh snapshot; the model here is the room as the server keeps it."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from livegift_client.events import (
    AnyEvent,
    ComboEnded,
    ComboInfo,
    CreatorSession,
    GiftEvent,
    GiftInfo,
    OpenCombo,
    Sender,
    Snapshot,
    TopSender,
    Totals,
    User,
)
from livegift_client.room import RoomState

CREATOR = User("c", "Cy")
PEOPLE = {"a": "Ada", "b": "Bo", "d": "Di"}
GIFTS = {"rose": GiftInfo("rose", "Rose", 1, 1), "castle": GiftInfo("castle", "Castle", 1_000, 3)}


@dataclass
class Room:
    """A small model of the server's room. Each step makes one event."""

    offset: int = 0
    coins: int = 0
    gifts: int = 0
    unnamed: set[str] = field(default_factory=set)
    sums: dict[str, int] = field(default_factory=dict)
    combos: dict[tuple[str, str], OpenCombo] = field(default_factory=dict)

    @property
    def totals(self) -> Totals:
        return Totals(self.coins, self.gifts, len(self.sums) + len(self.unnamed))

    def snapshot(self) -> Snapshot:
        best = sorted(self.sums, key=lambda who: -self.sums[who])
        top = [TopSender(who, PEOPLE[who], self.sums[who]) for who in best]
        return Snapshot(self.totals, top, list(self.combos.values()), 7)

    def gift(self, who: str, gift: GiftInfo, count: int, *, anonymous: bool) -> AnyEvent:
        self.offset += 1
        coins, combo = gift.price_coins * count, None
        self.coins, self.gifts = self.coins + coins, self.gifts + count
        sender = Sender(None, None, True, None)
        if anonymous:
            self.unnamed.add(who)
        else:
            self.sums[who] = self.sums.get(who, 0) + coins
            sender = Sender(who, PEOPLE[who], False, self.sums[who])
            if gift.id == "rose":
                old = self.combos.get((who, gift.id))
                combo = ComboInfo(
                    old.id if old else f"k{self.offset}",
                    (old.total if old else 0) + count,
                    (old.coins_total if old else 0) + coins,
                )
                user = User(who, PEOPLE[who])
                self.combos[(who, gift.id)] = OpenCombo(combo.id, user, CREATOR, gift, combo.total, combo.coins_total)
        return GiftEvent(
            offset=self.offset,
            event_id=f"k{self.offset}",
            ts_ms=self.offset,
            sender=sender,
            receiver=CREATOR,
            gift=gift,
            count=count,
            coins=coins,
            combo=combo,
        )

    def end_combo(self, who: str) -> AnyEvent | None:
        combo = self.combos.pop((who, "rose"), None)
        if combo is None:
            return None
        self.offset += 1
        return ComboEnded(
            offset=self.offset,
            event_id=combo.id + ".end",
            combo=ComboInfo(combo.id, combo.total, combo.coins_total),
            sender=combo.sender,
            receiver=CREATOR,
            gift=combo.gift,
        )


STEP = st.tuples(
    st.sampled_from(sorted(PEOPLE)), st.sampled_from(["rose", "castle", "end", "anonymous"]), st.integers(1, 9)
)


def play(room: Room, step: tuple[str, str, int]) -> AnyEvent | None:
    who, what, count = step
    if what == "end":
        return room.end_combo(who)
    gift = GIFTS["castle" if what == "castle" else "rose"]
    return room.gift(who, gift, count, anonymous=what == "anonymous")


def test_state_is_empty_before_anything_came() -> None:
    assert RoomState().snapshot() == Snapshot(Totals(0, 0, 0), [], [], 0)


@given(steps=st.lists(STEP, max_size=40))
def test_folding_every_event_since_the_beginning_equals_a_fresh_snapshot(steps: list[tuple[str, str, int]]) -> None:
    room, state = Room(), RoomState()
    state.restore(room.snapshot())
    for step in steps:
        event = play(room, step)
        if event is not None:
            state.fold(event)
            state.trust(room.totals)
    assert state.snapshot() == room.snapshot()


@given(before=st.lists(STEP, max_size=20), after=st.lists(STEP, max_size=20))
def test_folding_onto_a_snapshot_equals_a_fresh_snapshot_but_for_ties(
    before: list[tuple[str, str, int]], after: list[tuple[str, str, int]]
) -> None:
    room, state = Room(), RoomState()
    for step in before:
        play(room, step)
    state.restore(room.snapshot())
    for step in after:
        event = play(room, step)
        if event is not None:
            state.fold(event)
            state.trust(room.totals)
    expected = room.snapshot()
    assert state.totals == expected.totals
    assert [line.coins_total for line in state.top()] == [line.coins_total for line in expected.top]
    assert {line.id: line for line in state.top()} == {line.id: line for line in expected.top}
    assert {combo.id: combo for combo in state.combos} == {combo.id: combo for combo in expected.combos}


@given(steps=st.lists(STEP, max_size=30))
def test_coins_and_gifts_follow_from_events_without_any_totals(steps: list[tuple[str, str, int]]) -> None:
    room, state = Room(), RoomState()
    for step in steps:
        event = play(room, step)
        if event is not None:
            state.fold(event)
    assert (state.coins, state.gifts) == (room.coins, room.gifts)


def test_equal_sums_are_ranked_by_who_came_first() -> None:
    room, state = Room(), RoomState()
    for who in ("b", "a"):
        state.fold(room.gift(who, GIFTS["castle"], 1, anonymous=False))
    assert [line.id for line in state.top()] == ["b", "a"]


def test_a_test_gift_moves_no_totals() -> None:
    state = RoomState()
    event = Room().gift("a", GIFTS["rose"], 1, anonymous=False)
    assert isinstance(event, GiftEvent)
    state.fold(GiftEvent(**{name: getattr(event, name) for name in event.__struct_fields__} | {"test": True}))
    assert state.snapshot() == RoomState().snapshot()


def test_a_combo_that_a_snapshot_does_not_hold_has_ended() -> None:
    room, state = Room(), RoomState()
    state.fold(room.gift("a", GIFTS["rose"], 1, anonymous=False))
    assert state.combos
    state.restore(Snapshot(room.totals))
    assert not state.combos


def test_the_creators_sums_follow_the_snapshot_and_then_the_events() -> None:
    state = RoomState()
    state.restore(Snapshot(Totals(5, 5, 1), points_total=70, session=CreatorSession(5, 5, 5)))
    assert state.snapshot().points_total == 70
    combo = {"combo": ComboInfo("k", 1, 1), "sender": User("a", "Ada"), "receiver": CREATOR, "gift": GIFTS["rose"]}
    state.fold(ComboEnded(offset=1, **combo))  # type: ignore[arg-type]
    assert (state.points_total, state.session) == (70, CreatorSession(5, 5, 5))
    state.fold(ComboEnded(offset=2, points_total=71, session=CreatorSession(6, 6, 6), **combo))  # type: ignore[arg-type]
    assert (state.points_total, state.session) == (71, CreatorSession(6, 6, 6))
