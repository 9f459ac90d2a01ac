"""The checker's eyes while a world runs: whatever is told or published must be true at that very moment."""

from typing import TYPE_CHECKING

from livegift.domain.refusal import Refusal
from livegift.errors import Fault
from livegift.gifting import Receipt
from tests.simulation.stage import PARTITIONS_MAX
from tests.simulation.truth import GIFT_COLUMNS, GiftInBook, event_name, read_fold

if TYPE_CHECKING:
    from tests.simulation.people import Ask, Body
    from tests.simulation.world import World

SECRET = b"s" * 32


def is_about(row: GiftInBook, body: "Body") -> bool:
    """Tell whether a row says what was sent."""
    said = (row.room_id, row.gift_id, row.price_coins, row.count, row.message, bool(row.anonymous))
    return said == (body.room, body.gift, body.price_coins, body.count, body.message, body.anonymous)


class Watch:
    """Looks on; violations go to the world."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._seen: dict[int, int] = {}
        self._events: dict[str, GiftInBook] = {}
        self._offsets: dict[tuple[str, str], dict[int, str]] = {}
        self._shown: dict[tuple[str, str], set[str]] = {}
        self.receipts: list[tuple[Ask, Receipt]] = []
        self.expired: dict[str, float] = {}
        """Ids that were called expired, and when first."""
        self.folds = 0

    # --- what edges tell senders ---

    def arrived(self, ask: "Ask") -> None:
        """A ``send`` has reached an edge."""
        row = self.find(ask.gift.sender.id, ask.gift.id)
        ask.stood_in_book = row is not None and is_about(row, ask.body)

    def answered(self, ask: "Ask", answer: Receipt | Refusal | Fault) -> None:
        """An edge answers a ``send``."""
        ask.answer = answer
        if isinstance(answer, Receipt):
            self.receipts.append((ask, answer))
            if answer.replayed and answer.settled:
                self.told_settled(ask, ask.gift.id_text, answer.event_id)
        elif isinstance(answer, Refusal):
            self._refused(ask, answer)

    def failed(self, ask: "Ask", refusal: Refusal) -> None:
        """An edge tells that a gift that it had accepted was lost, and can't be done any more."""
        self._refused(ask, refusal)

    def _refused(self, ask: "Ask", refusal: Refusal) -> None:
        if refusal.code == "expired":
            self.expired.setdefault(ask.gift.id, self._world.loop.time())
        # Of two messages at once one may be refused and the other not: both were true when they were decided.
        if refusal.code != "mismatch" and ask.stood_in_book:
            self._world.violate("refused, but it stands in the book", f"{ask.gift.id}: {refusal.code}")
        if refusal.code == "mismatch" and len({other.body for other in ask.gift.asks}) == 1:
            self._world.violate("mismatch, but nothing else was sent under the id", ask.gift.id)
        if refusal.code == "insufficient_coins" and refusal.extra["balance"] >= refusal.extra["needed"]:
            self._world.violate("refused for coins that were there", f"{ask.gift.id}: {refusal.extra}")

    def told_settled(self, ask: "Ask", gift_event_id: str, event_id: str) -> None:
        """An edge tells that a gift is settled."""
        gift_id = gift_event_id.replace("-", "").lower()
        row = self.find(ask.gift.sender.id, gift_id)
        if row is None:
            self._world.violate("told settled, but not in the book", f"{gift_id} as {event_id}")
        elif row.event_id(SECRET) != event_id:
            self._world.violate("told settled under another event", f"{gift_id} as {event_id}, book has {row}")
        elif not is_about(row, ask.body):
            self._world.violate("told settled, but the book has something else", f"{gift_id}: {row}, sent {ask.body}")

    def find(self, sender_id: str, gift_id: str) -> GiftInBook | None:
        rows = self._world.book.query(
            f"SELECT {GIFT_COLUMNS} FROM gift WHERE sender_id = $1 AND gift_event_id = $2", sender_id, gift_id
        )
        return GiftInBook(*rows[0]) if rows else None

    # --- what the engine publishes ---

    def published(self, channel: str, data: bytes) -> None:
        name = channel.rpartition(":")[2]
        if name == "marks":
            self._mark(*map(int, data.split(b" ")))
        elif name == "folds":
            self._fold(channel, data)

    def _mark(self, p: int, epoch: int, mark: int) -> None:
        ((stands_epoch, stands),) = self._world.book.query("SELECT epoch, mark FROM partition WHERE p = $1", p)
        if (stands_epoch, stands) < (epoch, mark):
            self._world.violate(
                "a mark was published before the commit",
                f"partition {p}: ({epoch}, {mark}), book ({stands_epoch}, {stands})",
            )

    def _fold(self, channel: str, data: bytes) -> None:
        fold = read_fold(data)
        self.folds += 1
        key = (channel, fold.epoch)
        offsets, shown = self._offsets.setdefault(key, {}), self._shown.setdefault(key, set())
        last = max(offsets, default=0)
        for line in fold.lines:
            if line.offset <= last:
                self._world.violate(
                    "an offset was shown twice", f"{key} {line.offset}: {offsets.get(line.offset)}, {line.event_id}"
                )
            last = line.offset
            offsets[line.offset] = line.event_id
            if line.event_id in shown:
                self._world.violate("an event was shown twice in one epoch", f"{key}: {line.event_id}")
            shown.add(line.event_id)
            if line.kind == "g":
                self._gift(channel, line.event_id)
        if fold.lines and fold.lines[-1].offset != fold.offset:
            self._world.violate("a fold does not end where it says", f"{key}: {fold.lines[-1].offset}, {fold.offset}")

    def _gift(self, channel: str, event_id: str) -> None:
        row = self.event(event_id)
        if row is None:
            self._world.violate("shown, but not in the book", f"{channel}: {event_id}")
        elif f"{{r:{row.room_id}}}" not in channel:
            self._world.violate("shown in another room", f"{channel}: {event_id}, {row.room_id}")

    def event(self, event_id: str) -> GiftInBook | None:
        """Return the book's row of an event, having read what is new there."""
        if event_id not in self._events:
            for p in range(PARTITIONS_MAX):
                rows = self._world.book.query(
                    f"SELECT {GIFT_COLUMNS} FROM gift WHERE p = $1 AND seq > $2 ORDER BY seq", p, self._seen.get(p, 0)
                )
                for row in (GiftInBook(*columns) for columns in rows):
                    self._events[row.event_id(SECRET)] = row
                    self._seen[p] = row.seq
        return self._events.get(event_id)

    @staticmethod
    def name_of(p: int, epoch: int, seq: int) -> str:
        """Return the room's name of an event."""
        return event_name(SECRET, p, epoch, seq)

    def offsets(self, channel: str, epoch: str) -> dict[int, str]:
        """Return what viewers of a room were shown under an epoch."""
        return self._offsets.get((channel, epoch), {})
