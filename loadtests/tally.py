"""The senders' side of a run: every planned gift, from its plan to what became of it. Pure but for the receipts."""

from collections import Counter
from dataclasses import dataclass

from livegift_client import Receipt, Refused

from loadtests.histogram import Histogram
from loadtests.schedule import Planned
from loadtests.seen import SeenLedger

LATE_MS = 50.0


@dataclass(slots=True)
class Gift:
    """One send of the run. ``planned_ms`` on the monotonic clock; ``state`` and ``event_id`` as last heard."""

    planned: Planned
    room: str
    person: int
    planned_ms: float
    state: str = "sent"
    event_id: str | None = None
    accepted_ms: float | None = None


class Tally:
    """All sends of a run; tells the checker what it must look for."""

    def __init__(self, seen: SeenLedger) -> None:
        self.seen = seen
        self.gifts: list[Gift] = []
        self.accepted_latency = Histogram()
        self.settled_latency = Histogram()
        self.late = 0
        self.accepted = 0
        self.refusals: Counter[str] = Counter()
        self.spent: Counter[int] = Counter()
        """Person → coins of their settled gifts."""

    def note_sent(self, gift: Gift, *, now_ms: float) -> None:
        """A gift was handed to the SDK."""
        self.gifts.append(gift)
        self.late += now_ms - gift.planned_ms > LATE_MS

    def note(self, gift: Gift, receipt: Receipt, *, now_ms: float) -> None:
        """The gift's receipt changed."""
        if receipt.event_id is not None and receipt.event_id != gift.event_id:
            if gift.event_id is None:
                self.accepted += 1
                gift.accepted_ms = now_ms
                self.accepted_latency.record(now_ms - gift.planned_ms)
            gift.event_id = receipt.event_id
            self.seen.note_accepted(gift.room, gift.event_id, person=gift.person, planned_ms=gift.planned_ms)
        gift.state = receipt.state
        if receipt.state == "settled":
            self._settle(gift, now_ms)
        elif receipt.state == "failed":
            self._fail(gift, receipt)

    @property
    def settled(self) -> int:
        """Gifts in the book."""
        return self.settled_latency.count

    @property
    def refused(self) -> int:
        """Gifts that the server would not take."""
        return self.refusals.total()

    @property
    def open(self) -> int:
        """Gifts whose fate isn't known yet."""
        return sum(gift.state in ("sent", "accepted") for gift in self.gifts)

    def findings(self) -> tuple[int, list[str]]:
        """Return how many gifts are lost because their fate never came, and that in sentences."""
        states = Counter(gift.state for gift in self.gifts)
        sentences = {
            "sent": "gifts were never answered",
            "accepted": "gifts were accepted but not settled",
            "unknown": "gifts ended without a known outcome",
        }
        failures = [f"{states[state]} {sentence}" for state, sentence in sentences.items() if states[state]]
        return sum(states[state] for state in sentences), failures

    def _settle(self, gift: Gift, now_ms: float) -> None:
        assert gift.event_id is not None
        self.settled_latency.record(now_ms - gift.planned_ms)
        self.spent[gift.person] += gift.planned.coins
        self.seen.note_settled(gift.room, gift.event_id, coins=gift.planned.coins, count=gift.planned.count)

    def _fail(self, gift: Gift, receipt: Receipt) -> None:
        if isinstance(receipt.error, Refused):
            self.refusals[receipt.error.code] += 1
        else:
            gift.state = "unknown"
