"""A room's state, folded from its events: equal to a fresh snapshot at the same offset. Pure.

Two things can't be known from events alone and are taken from the frames' ``totals``: how many distinct people
gifted anonymously, and which of two senders with equal sums came first if both were already in a snapshot.
"""

from livegift_client.events import (
    AnyEvent,
    ComboEnded,
    CreatorSession,
    GiftEvent,
    OpenCombo,
    RoomClosed,
    Snapshot,
    TopSender,
    Totals,
    User,
)

TOP_MAX = 100
"""Lines of the ranking, as in the server's snapshots."""


class RoomState:
    """Totals, ranking and open combos of one room. Changed by ``restore`` and ``fold`` only."""

    def __init__(self) -> None:
        self.coins = 0
        self.gifts = 0
        self.senders = 0
        self.viewers = 0
        self.is_closed = False
        self.points_total: int | None = None
        """All points of the creator; only their own feed knows, as of ``session``."""
        self.session: CreatorSession | None = None
        self._sums: dict[str, TopSender] = {}
        self._combos: dict[str, OpenCombo] = {}

    @property
    def totals(self) -> Totals:
        """Coins, gifts and distinct senders so far."""
        return Totals(self.coins, self.gifts, self.senders)

    @property
    def combos(self) -> list[OpenCombo]:
        """Open combos, in the order in which they opened."""
        return list(self._combos.values())

    def top(self, lines_max: int = TOP_MAX) -> list[TopSender]:
        """Return the ranking, best first, ties by who came first."""
        # sorted() is stable and the dict keeps the order of arrival, which settles ties.
        return sorted(self._sums.values(), key=lambda line: -line.coins_total)[:lines_max]

    def snapshot(self) -> Snapshot:
        """Return the state in the form in which the server sends it."""
        return Snapshot(
            self.totals, self.top(), self.combos, self.viewers, points_total=self.points_total, session=self.session
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Forget everything and start from a snapshot; a combo that isn't in it has ended."""
        self.trust(snapshot.totals)
        self.viewers = snapshot.viewers
        self.points_total, self.session = snapshot.points_total, snapshot.session
        self._sums = {line.id: line for line in snapshot.top}
        self._combos = {combo.id: combo for combo in snapshot.combos}

    def trust(self, totals: Totals) -> None:
        """Take the sums that the server states."""
        self.coins, self.gifts, self.senders = totals.coins, totals.gifts, totals.senders

    def fold(self, event: AnyEvent) -> None:
        """Apply the next event. The caller sees to the order and that none comes twice."""
        if event.points_total is not None:
            self.points_total, self.session = event.points_total, event.session
        if isinstance(event, GiftEvent):
            self._fold_gift(event)
        elif isinstance(event, ComboEnded):
            self._combos.pop(event.combo.id, None)
        elif isinstance(event, RoomClosed):
            self.is_closed = True

    def _fold_gift(self, event: GiftEvent) -> None:
        if event.test:
            return
        self.coins += event.coins
        self.gifts += event.count
        sender = event.sender
        if sender.id is None or sender.name is None or sender.coins_total is None:
            return
        if sender.coins_total == event.coins:
            self.senders += 1
        self._sums[sender.id] = TopSender(sender.id, sender.name, sender.coins_total)
        if event.combo is not None:
            combo = event.combo
            who = User(sender.id, sender.name)
            self._combos[combo.id] = OpenCombo(
                combo.id, who, event.receiver, event.gift, combo.total, combo.coins_total
            )
