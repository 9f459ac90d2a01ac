"""The book at the end of a world, recomputed from its rows."""

import hashlib
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from tests.simulation.truth import GIFT_COLUMNS, GiftInBook, Row, linked

if TYPE_CHECKING:
    from tests.simulation.world import World

MOVEMENT_COLUMNS = "p, seq, epoch, ts_ms, number, user_id, kind, coins, outcome, balance"


def check_book(world: "World") -> list[GiftInBook]:
    """Recompute balances, stripes, sums, marks and chains; returns all gifts."""
    gifts = [GiftInBook(*row) for row in world.book.query(f"SELECT {GIFT_COLUMNS} FROM gift ORDER BY p, seq")]
    moves = world.book.query(f"SELECT {MOVEMENT_COLUMNS} FROM movement WHERE seq IS NOT NULL ORDER BY p, seq")
    replay = _Replay(world)
    events: dict[int, list[GiftInBook | Row]] = defaultdict(list)
    for gift in gifts:
        events[gift.p].append(gift)
    for move in moves:
        events[move[0]].append(move)
    for (p,) in world.book.query("SELECT p FROM partition ORDER BY p"):
        replay.partition(p, sorted(events[p], key=lambda e: e.seq if isinstance(e, GiftInBook) else e[1]))
    replay.compare()
    _check_identity(world, gifts)
    return gifts


def _check_identity(world: "World", gifts: list[GiftInBook]) -> None:
    ids = [(gift.sender_id, gift.gift_event_id) for gift in gifts]
    if len(ids) != len(set(ids)):
        world.violate("charged twice", f"{len(ids) - len(set(ids))} ids stand in the book more than once")
    (prices,) = [{(v, g): c for v, g, c in world.book.query("SELECT version, id, price_coins FROM catalogue")}]
    for gift in gifts:
        price = prices.get((gift.catalogue_version, gift.gift_id))
        if gift.price_coins != price or gift.coins != price * gift.count or gift.points != gift.coins:
            world.violate("a gift is not worth what it costs", f"{gift}, price {price}")


class _Replay:
    """Runs all events again, with arithmetic of its own."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._wallets: dict[tuple[int, str], tuple[int, int, int]] = {}
        self._moved: Counter[tuple[int, str]] = Counter()
        self._stripes: dict[tuple[int, str], int] = {}
        self._marks: dict[tuple[str, int], int] = {}

    def partition(self, p: int, events: list[GiftInBook | Row]) -> None:
        violate = self._world.violate
        head, issued, spent, numbers, clock = bytes(32), 0, 0, 0, 0
        for place, event in enumerate(events, start=1):
            seq, ts_ms = (event.seq, event.ts_ms) if isinstance(event, GiftInBook) else (event[1], event[3])
            if seq != place:
                violate("a seq is missing in the book", f"partition {p}: {seq} where {place} must follow")
                return
            if ts_ms < clock:
                violate("a partition's clock ran backwards", f"partition {p}, seq {seq}: {ts_ms} after {clock}")
            clock = ts_ms
            if isinstance(event, GiftInBook):
                head = self._gift(p, head, event)
                spent += event.coins
            else:
                numbers += 1
                head, delta = self._move(p, head, event, numbers)
                issued += delta
        columns = "mark, chain, coins_issued, coins_spent, inbox_given, inbox_done"
        ((mark, chain, *sums, given, done),) = self._world.book.query(
            f"SELECT {columns} FROM partition WHERE p = $1", p
        )
        if mark != len(events):
            violate("the mark is not the number of events", f"partition {p}: {mark}, has {len(events)}")
        if chain != head:
            violate("the chain does not hold", f"partition {p}")
        if sums != [issued, spent]:
            violate("the sums do not hold", f"partition {p}: {sums}, rows make {[issued, spent]}")
        if not given == done == numbers:
            violate("an inbox entry is stuck", f"partition {p}: given {given}, done {done}, rows {numbers}")

    def _set_wallet(self, p: int, user: str, *, balance: int, delta: int, frozen: int, seq: int) -> None:
        before = self._wallets.get((p, user), (0, 0, 0))[0]
        if before + delta != balance:
            self._world.violate("a balance does not follow", f"{user}, seq {seq}: {before} {delta:+} is not {balance}")
        if balance < 0 and not frozen:
            self._world.violate("a balance below zero", f"{user}, seq {seq}: {balance}")
        self._wallets[p, user] = (balance, frozen, seq)

    def _gift(self, p: int, head: bytes, gift: GiftInBook) -> bytes:
        violate = self._world.violate
        frozen = self._wallets.get((p, gift.sender_id), (0, 0, 0))[1]
        if frozen:
            violate("a frozen wallet has spent", str(gift))
        self._set_wallet(p, gift.sender_id, balance=gift.balance, delta=-gift.coins, frozen=frozen, seq=gift.seq)
        stripe = (p, gift.receiver_id)
        self._stripes[stripe] = self._stripes.get(stripe, 0) + gift.points
        if self._stripes[stripe] != gift.earned:
            violate("a stripe does not follow", f"{gift}, rows make {self._stripes[stripe]}")
        room = (gift.room_id, p)
        if gift.prev != self._marks.get(room, 0):
            violate("prev is not the gift before", f"{gift}, before it was {self._marks.get(room, 0)}")
        self._marks[room] = gift.seq
        text = "-"
        if gift.message is not None:
            text = hashlib.sha256(gift.salt + gift.message.encode()).hexdigest()
        if text != gift.text_hash:
            violate("a text is not what the chain covers", str(gift))
        return linked(head, gift.chain_core())

    def _move(self, p: int, head: bytes, move: Row, place: int) -> tuple[bytes, int]:
        _, seq, epoch, ts_ms, number, user, kind, coins, outcome, balance = move
        before, frozen, _ = self._wallets.get((p, user), (0, 0, 0))
        delta = -coins if kind in ("take", "chargeback", "moved_out") else coins
        below = before + delta < 0 and kind in ("take", "adjustment")
        if number != place:
            self._world.violate("an inbox number is out of turn", f"partition {p}: {number} where {place} must follow")
        if outcome != ("insufficient_coins" if below else "applied"):
            self._world.violate("an inbox entry was judged wrongly", f"{move}, balance before {before}")
        delta = 0 if below else delta
        if kind == "chargeback" and balance < 0:
            frozen = 1
        if kind.startswith("moved_"):
            self._moved[epoch, user] += delta
            frozen = int(kind == "moved_in_frozen")
        self._set_wallet(p, user, balance=balance, delta=delta, frozen=frozen, seq=seq)
        return linked(head, ("movement", p, epoch, seq, ts_ms, number, user, kind, coins, outcome, balance)), delta

    def compare(self) -> None:
        """Hold the book's running figures against the rows'."""
        violate, query = self._world.violate, self._world.book.query
        if torn := [where for where, coins in self._moved.items() if coins]:
            violate("coins were lost between partitions", str(torn))
        rows = query("SELECT p, user_id, coins, frozen, last_seq FROM wallet")
        # An empty wallet moves without a movement.
        wallets = {row[:2]: row[2:] for row in rows if row[2] or row[3]}
        made = {where: wallet for where, wallet in self._wallets.items() if wallet[0] or wallet[1]}
        stripes = {(p, creator): points for p, creator, points in query("SELECT p, creator_id, points FROM stripe")}
        marks = {(room, p): seq for room, p, seq in query("SELECT room_id, p, seq FROM room_mark")}
        for what, found, expected in (
            ("wallets", wallets, made),
            ("stripes", stripes, self._stripes),
            ("room marks", marks, self._marks),
        ):
            if found != expected:
                wrong = {key: (found.get(key), expected.get(key)) for key in found.keys() | expected.keys()}
                wrong = {key: pair for key, pair in wrong.items() if pair[0] != pair[1]}
                violate(f"the book's {what} are not what its rows make", str(wrong))
