"""The rooms at the end of a world: what they show is what the book says, each gift once."""

from collections import Counter
from typing import TYPE_CHECKING

from tests.simulation.check_engine import folding_rooms
from tests.simulation.truth import FoldText, GiftInBook, Line, read_fold
from tests.simulation.watch import SECRET

if TYPE_CHECKING:
    from tests.simulation.world import World


def check_rooms(world: "World", gifts: list[GiftInBook]) -> None:
    """Read every room's state and frames with commands of our own."""
    for room_id, _ in folding_rooms(world):
        _Room(world, room_id).check([gift for gift in gifts if gift.room_id == room_id])


class _Room:
    def __init__(self, world: "World", room_id: str) -> None:
        self._world = world
        self._id = room_id
        self._slot = f"{world.config.redis_prefix}1:{{r:{room_id}}}:"
        flat = world.engine.ask("HGETALL", self._slot + "state")
        self._state = dict(zip(flat[::2], flat[1::2], strict=True))
        entries = world.engine.ask("XRANGE", self._slot + "frames", "-", "+")
        self._folds: list[FoldText] = [read_fold(fields[1]) for _, fields in entries]

    def _violate(self, check: str, detail: object) -> None:
        self._world.violate(check, f"room {self._id}: {detail}")

    def check(self, gifts: list[GiftInBook]) -> None:
        lines = [line for fold in self._folds for line in fold.lines]
        offsets = [line.offset for line in lines]
        if offsets != list(range(1, len(lines) + 1)) or int(self._state[b"offset"]) != len(lines):
            self._violate("a room's sequence has a hole", f"{offsets[-5:]}, state {self._state[b'offset']}")
        shown = Counter(line.event_id for line in lines)
        settled = {gift.event_id(SECRET): gift for gift in gifts}
        told = {line.event_id for line in lines if line.kind == "g"}
        if twice := [name for name, times in shown.items() if times > 1]:
            self._violate("shown twice", twice)
        if missing := settled.keys() - told:
            self._violate("settled, but never shown", sorted(settled[name].seq for name in missing))
        if extra := told - settled.keys():
            self._violate("shown, but not in the book", sorted(extra))
        self._check_marks(settled)
        self._check_sums(lines, settled)
        self._check_combos(lines, settled)
        self._check_shown()

    def _check_sums(self, lines: list[Line], settled: dict[str, GiftInBook]) -> None:
        coins = pieces = 0
        for line in lines:
            gift = settled.get(line.event_id)
            if line.kind == "g" and gift is not None:
                coins, pieces = coins + gift.coins, pieces + gift.count
            if (line.coins, line.gifts) != (coins, pieces):
                self._violate("a room's totals do not follow", f"{line}, rows make {coins} coins, {pieces} gifts")
                return
        senders = {(gift.sender_id, gift.anonymous) for gift in settled.values()}
        state = tuple(int(self._state[name]) for name in (b"coins", b"gifts", b"senders"))
        if state != (coins, pieces, len(senders)):
            self._violate("a room's state does not agree", f"{state}, rows make {(coins, pieces, len(senders))}")
        self._check_ranks(settled)
        marks = {int(name[2:]): int(seq) for name, seq in self._state.items() if name.startswith(b"m:")}
        made: dict[int, int] = {}
        for gift in settled.values():
            made[gift.p] = max(made.get(gift.p, 0), gift.seq)
        if marks != made:
            self._violate("a room's marks do not agree", f"{marks}, rows make {made}")

    def _check_marks(self, settled: dict[str, GiftInBook]) -> None:
        """A fold says how far it has moved which partition: creators' cursors are made of that."""
        for fold in self._folds:
            gifts = [settled[line.event_id] for line in fold.lines if line.event_id in settled]
            if fold.marks != {gift.p: gift.seq for gift in gifts}:
                self._violate("a fold's marks are not its gifts'", f"{fold.epoch} {fold.offset}: {fold.marks}")

    def _check_ranks(self, settled: dict[str, GiftInBook]) -> None:
        flat = self._world.engine.ask("ZRANGE", self._slot + "top", 0, -1, "WITHSCORES")
        ranks = {sender.decode(): int(score) for sender, score in zip(flat[::2], flat[1::2], strict=True)}
        made: Counter[str] = Counter()
        for gift in settled.values():
            if not gift.anonymous:
                made[gift.sender_id] += gift.coins
        if ranks != dict(made):
            self._violate("a room's ranks do not agree", f"{ranks}, rows make {dict(made)}")

    def _check_combos(self, lines: list[Line], settled: dict[str, GiftInBook]) -> None:
        combos: dict[str, tuple[int, int]] = {}
        ended: set[str] = set()
        for line in lines:
            if line.kind == "g" and line.combo != "-" and line.event_id in settled:
                gift = settled[line.event_id]
                if line.combo in ended or (line.combo not in combos and line.combo != line.event_id):
                    self._violate("a combo goes on that has ended or never begun", line)
                total, coins = combos.get(line.combo, (0, 0))
                combos[line.combo] = (total + gift.count, coins + gift.coins)
                if combos[line.combo] != (line.combo_total, line.combo_coins):
                    self._violate("a combo does not count its gifts", f"{line}, gifts make {combos[line.combo]}")
            elif line.kind == "c":
                if line.combo in ended:
                    self._violate("a combo ended twice", line)
                ended.add(line.combo)
                if combos.get(line.combo) != (line.combo_total, line.combo_coins):
                    self._violate("a combo's end is not its last sum", f"{line}, gifts make {combos.get(line.combo)}")
        if still := combos.keys() - ended:
            self._violate("a combo never ended", sorted(still))

    def _check_shown(self) -> None:
        """What viewers were shown under an epoch that still stands here is what stands here."""
        for fold in self._folds:
            shown = self._world.watch.offsets(self._slot + "folds", fold.epoch)
            for line in fold.lines:
                if shown.get(line.offset, line.event_id) != line.event_id:
                    self._violate("viewers were shown something else", f"{line}, shown {shown[line.offset]}")
