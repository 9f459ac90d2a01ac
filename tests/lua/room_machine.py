"""Room scripts against a model room: random gifts, repeats, gaps, sweeps, closings, owner changes and losses."""

import json
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, ClassVar

import redis
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from livegift.wire.folds import parse_fold
from livegift.wire.messages import ComboEnded, GiftEvent, RoomClosed

NAMES = ("announce", "end_combos", "close_room")
KEYS = ("state", "top", "names", "anonymous", "combos", "due", "frames")
WINDOW_MS = 5_000
PARTITIONS = 3
BASE = 100
"""Points of each partition's stripe before the room's first gift."""


def script_texts() -> dict[str, str]:
    """Return the rooms' scripts by name."""
    return {name: (files("livegift.rooms") / "lua" / f"{name}.lua").read_text() for name in NAMES}


@dataclass
class Combo:
    """An open combo of the model."""

    combo_id: str
    p: int
    total: int = 0
    coins: int = 0
    last: int = 0


@dataclass
class Gift:
    """A settled gift: what the book has of it."""

    p: int
    seq: int
    prev: int
    ts: int
    event_id: str
    coins: int
    count: int
    earned: int
    sender: str
    streak: bool


@dataclass
class RoomModel:
    """What a room must hold after the gifts it was told in order."""

    epoch: int = 0
    marks: dict[int, int] = field(default_factory=dict)
    coins: int = 0
    gifts: int = 0
    points: int = BASE * PARTITIONS
    earned: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(PARTITIONS), BASE))
    named: dict[str, int] = field(default_factory=dict)
    anonymous: set[str] = field(default_factory=set)
    combos: dict[str, Combo] = field(default_factory=dict)
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    closed: bool = False

    def fold(self, gift: Gift) -> None:
        """Take one gift."""
        self.marks[gift.p] = gift.seq
        own: int | None = None
        shown: tuple[str, int, int] | None = None
        key = f"{gift.sender} rose luna"
        if gift.sender.startswith("a"):
            self.anonymous.add(gift.sender)
        elif gift.streak:
            combo = self.combos.get(key)
            if combo is not None and gift.ts - combo.last > WINDOW_MS:
                self.end(key)
                combo = None
            if combo is None:
                combo = self.combos[key] = Combo(gift.event_id, gift.p)
            if gift.ts >= combo.last:
                combo.p = gift.p  # the sender's of now: a repartition may have moved them
            combo.total += gift.count
            combo.coins += gift.coins
            combo.last = max(combo.last, gift.ts)
            shown = (combo.combo_id, combo.total, combo.coins)
        self.coins += gift.coins
        self.gifts += gift.count
        self.points += gift.earned - self.earned[gift.p]
        self.earned[gift.p] = gift.earned
        if not gift.sender.startswith("a"):
            own = self.named[gift.sender] = self.named.get(gift.sender, 0) + gift.coins
        self.lines.append(("gift", gift.event_id, own, shown, self.points, self.coins, self.gifts))

    def end(self, key: str) -> None:
        """End a combo."""
        combo = self.combos.pop(key)
        sums = (self.points, self.coins, self.gifts)
        self.lines.append(("end", combo.combo_id, combo.total, combo.coins, *sums))


senders = st.sampled_from(["uann", "uben", "ucy", "ax1", "ax2"])
drawn_gifts = st.tuples(
    st.integers(0, PARTITIONS - 1),
    senders,
    st.sampled_from([1, 5, 30, 10**13 - 1]),
    st.integers(1, 9),
    st.booleans(),
    st.sampled_from([0, 10, 1_000, 4_999, 5_000, 5_001, 60_000]),
)


class RoomMachine(RuleBasedStateMachine):
    """Scripts against model. Subclasses name the engine's URL and the scripts' texts."""

    url: ClassVar[str] = ""
    texts: ClassVar[dict[str, str]] = {}
    count: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        RoomMachine.count += 1
        self.client: redis.Redis[bytes] = redis.Redis.from_url(self.url, protocol=2)
        self.prefix = f"room{id(type(self))}-{RoomMachine.count}:{{r:r1}}:"
        self.keys = [self.prefix + name for name in KEYS]
        self.model = RoomModel()
        self.book: list[Gift] = []
        self.told = 0
        """How many of the book's gifts the announcer has handed over."""
        self.now = 1_000_000

    def teardown(self) -> None:
        self.client.unlink(*self.keys)
        self.client.close()

    def call(self, name: str, args: list[object]) -> list[Any]:
        return list(self.client.eval(self.texts[name], len(KEYS), *self.keys, *args))  # type: ignore[arg-type]

    def announce(self, gifts: list[Gift], *, create: bool = False) -> list[Any]:
        args: list[object] = [self.prefix + "folds", WINDOW_MS, 10_000, 0, 0, "create" if create else "0", len(gifts)]
        for gift in gifts:
            anonymous = gift.sender.startswith("a")
            person = None if anonymous else {"id": gift.sender[1:], "name": gift.sender[1:].title()}
            info = {"id": "rose", "name": "Rose", "price_coins": 1, "tier": 1}
            receiver = {"id": "luna", "name": "Luna"}
            fact = {
                "event_id": gift.event_id, "ts_ms": gift.ts, "sender": person, "receiver": receiver, "gift": info,
                "count": gift.count, "coins": gift.coins, "points": gift.coins, "message": None,
            }  # fmt: skip
            combo = json.dumps({"sender": person, "receiver": receiver, "gift": info})
            key = "" if anonymous or not gift.streak else f"{gift.sender} rose luna"
            args += [gift.p, gift.seq, gift.prev, gift.ts, gift.event_id, gift.coins, gift.count, gift.earned]
            args += [gift.sender, gift.sender[1:].title(), key, json.dumps(fact), combo]
        if create:
            args += [value for p in range(PARTITIONS) for value in (p, BASE)]
        return self.call("announce", args)

    def state(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.client.hgetall(self.keys[0]).items()}

    def dump(self) -> list[bytes | None]:
        return [self.client.dump(key) for key in self.keys]

    @initialize()
    def create(self) -> None:
        assert self.announce([]) == [b"missing"]
        assert self.announce([], create=True)[0] == b"ok"
        self.model.epoch = int(self.state()["epoch"])

    # --- the book gets gifts, the room is told ---

    @rule(drawn=st.lists(drawn_gifts, min_size=1, max_size=6))
    def settle(self, drawn: list[tuple[int, str, int, int, bool, int]]) -> None:
        for p, sender, coins, count, streak, later in drawn:
            self.now += later
            own = [gift for gift in self.book if gift.p == p]
            prev, earned = (own[-1].seq, own[-1].earned) if own else (0, BASE)
            if earned + coins > 4 * 10**15 or self.model.coins + coins > 4 * 10**15:
                coins = 1
            # Seqs of a partition have gaps in a room: gifts of other rooms stand between.
            seq = prev + 1 + len(self.book) % 3
            event_id = f"e{p}x{seq}"
            self.book.append(Gift(p, seq, prev, self.now, event_id, coins, count, earned + coins, sender, streak))

    @rule(again=st.integers(0, 3))
    def tell(self, again: int) -> None:
        """Tell what is new, and repeat some of what was told."""
        batch = self.book[max(0, self.told - again) :]
        reply = self.announce(batch)
        note(f"told {len(batch)} -> {reply}")
        fresh = self.book[self.told :]
        for gift in fresh:
            self.model.fold(gift)
        self.told = len(self.book)
        assert reply[0] == b"ok"
        assert (int(reply[3]), reply[4]) == (len(fresh), [])

    @rule()
    def repeat(self) -> None:
        """What was told before changes nothing."""
        before = self.dump()
        reply = self.announce(self.book[: self.told])
        assert (int(reply[3]), reply[4]) == (0, [])
        assert self.dump() == before

    @rule()
    def skip(self) -> None:
        """A gift whose predecessor the room lacks is a gap of its partition, and only of that."""
        fresh = self.book[self.told :]
        lacking = {}
        for gift in fresh:
            lacking.setdefault(gift.p, gift)
        later = [gift for gift in fresh if lacking[gift.p] is not gift]
        if not later:
            return
        before = self.dump()
        reply = self.announce(later)
        gaps = dict(zip(reply[4][::2], reply[4][1::2], strict=True))
        assert {int(p): int(mark) for p, mark in gaps.items()} == {
            gift.p: self.model.marks.get(gift.p, 0) for gift in later
        }
        assert int(reply[3]) == 0
        assert self.dump() == before

    # --- combos and closing ---

    @rule(p=st.integers(0, PARTITIONS - 1), behind=st.sampled_from([0, 4_999, 5_001, 70_000]))
    def sweep(self, p: int, behind: int) -> None:
        if self.told < len(self.book):
            return  # the keeper sweeps only what has caught up
        self.now += behind
        due = [
            key
            for key, combo in sorted(self.model.combos.items(), key=lambda item: (item[1].last, item[0]))
            if combo.p == p and combo.last + WINDOW_MS < self.now
        ]
        reply = self.call("end_combos", [self.prefix + "folds", 10_000, 100, p, self.now])
        for key in due:
            self.model.end(key)
        assert reply == [b"ok", len(due), len(self.model.combos)]

    @rule()
    def close(self) -> None:
        reply = self.call("close_room", [self.prefix + "folds", 10_000, "closed-1"])
        if self.model.closed:
            assert reply == [b"known"]
            return
        assert reply[0] == b"closed"
        self.model.closed = True
        self.model.lines.append(("closed", self.model.coins, self.model.gifts))

    # --- faults ---

    @rule()
    def restart(self) -> None:
        """Another owner finds the room whole: it goes on under a higher epoch, with everything it had."""
        self.client.hset(self.keys[0], "owner", "0" * 40)
        assert self.call("end_combos", [self.prefix + "folds", 10_000, 100, 0, self.now]) == [b"missing"]
        assert self.call("close_room", [self.prefix + "folds", 10_000, "closed-1"]) == [b"missing"]
        reply = self.announce([])
        assert reply[0] == b"ok"
        assert int(reply[1]) > self.model.epoch
        self.model.epoch = int(reply[1])

    @rule(damage=st.sampled_from(["frames", "names", "anonymous", "top"]))
    def damage(self, damage: str) -> None:
        """Another owner finds a part gone: the room is made anew and fed from the book."""
        had_it = self.client.exists(self.prefix + damage)
        self.client.unlink(self.prefix + damage)
        self.client.hset(self.keys[0], "owner", "0" * 40)
        reply = self.announce([])
        if not had_it:
            assert reply[0] == b"ok"
            self.model.epoch = int(reply[1])
            return
        assert reply == [b"missing"]
        assert self.client.exists(*self.keys) == 0
        assert self.announce([], create=True)[0] == b"ok"
        epoch = int(self.state()["epoch"])
        # Gifts that were joined as they came are joined alike when fed, but ends come when the sweeper runs.
        self.model = RoomModel(epoch=epoch)
        self.told = 0
        self.tell(0)

    # --- what always holds ---

    @invariant()
    def room_equals_model(self) -> None:
        state, model = self.state(), self.model
        if not state:
            return
        assert int(state["epoch"]) == model.epoch
        assert (int(state["coins"]), int(state["gifts"]), int(state["points"])) == (
            model.coins,
            model.gifts,
            model.points,
        )
        assert int(state["senders"]) == len(model.named) + len(model.anonymous)
        assert {p: int(state.get(f"m:{p}", 0)) for p in model.marks} == model.marks
        assert int(state["offset"]) == len(model.lines)
        top = {name.decode()[:]: int(score) for name, score in self.client.zrange(self.keys[1], 0, -1, withscores=True)}
        assert top == {name[1:]: coins for name, coins in model.named.items()}
        assert {name.decode() for name in self.client.smembers(self.keys[3])} == {name[1:] for name in model.anonymous}
        assert self.client.zcard(self.keys[5]) == self.client.hlen(self.keys[4]) == len(model.combos)

    @invariant()
    def frames_equal_the_model(self) -> None:
        folds = [parse_fold(fields[b"d"]) for _, fields in self.client.xrange(self.keys[6])]
        events = [event for fold in folds for event in fold.events]
        assert [event.offset for event in events] == list(range(1, len(events) + 1))
        moved: dict[int, int] = {}
        for fold in folds:
            assert all(seq > moved.get(p, 0) for p, seq in fold.marks.items())
            moved |= fold.marks
        assert moved == self.model.marks
        found: list[tuple[Any, ...]] = []
        for event in events:
            match event:
                case GiftEvent():
                    combo = event.combo and (event.combo.id, event.combo.total, event.combo.coins_total)
                    sums = event.session
                    assert not isinstance(sums, type(None))
                    found.append(
                        (
                            "gift",
                            event.event_id,
                            event.sender.coins_total,
                            combo,
                            event.points_total,
                            sums.coins,
                            sums.gifts,
                        )  # type: ignore[union-attr]
                    )
                case ComboEnded():
                    sums = event.session
                    assert not isinstance(sums, type(None))
                    figures = (event.points_total, sums.coins, sums.gifts)  # type: ignore[union-attr]
                    found.append(("end", event.combo.id, event.combo.total, event.combo.coins_total, *figures))
                case RoomClosed():
                    found.append(("closed", event.totals.coins, event.totals.gifts))
        assert found == self.model.lines
