"""The checker's memory: events of a room by number, and for each viewer one byte an event. Pure.

An hour of 50 gifts a second and 75 viewers a room is 180,000 bytes a viewer, which is why these are no sets of ids.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from livegift_client.events import AnyEvent, ComboEnded, GiftEvent, OtherEvent, Totals

from loadtests.histogram import Histogram

NOTHING = Totals(0, 0, 0)


@dataclass(slots=True)
class Viewer:
    """What one viewer saw. ``marks[ordinal]`` is 0 for an event not seen, else the number of the epoch it came in."""

    room: "RoomBook"
    person: int
    epoch: str | None = None
    epoch_number: int = 0
    offset: int = 0
    joins: int = 0
    snapshots: int = 0
    totals: Totals = NOTHING
    marks: bytearray = field(default_factory=bytearray)
    combos: set[str] = field(default_factory=set)
    """Ids of combos that are open as far as this viewer can know."""

    def has_seen(self, ordinal: int) -> bool:
        """Whether the event of that number in the room's order of first sight has come."""
        return ordinal < len(self.marks) and self.marks[ordinal] > 0


@dataclass(slots=True)
class Wanted:
    """What is known of a gift event from its sender: whose it was and when it was planned (monotonic ms)."""

    person: int
    planned_ms: float


@dataclass(slots=True)
class RoomBook:
    """One room's events, numbered in order of first sight by anybody."""

    viewers: list[Viewer] = field(default_factory=list)
    ordinals: dict[str, int] = field(default_factory=dict)
    wanted: dict[int, Wanted] = field(default_factory=dict)
    early: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    """Sightings before the sender knew the event's id: (person, at ms)."""
    gifts: set[int] = field(default_factory=set)
    settled: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Event id → (coins, count) of gifts in the book."""
    apart: Histogram | None = None
    """Where this room's sightings are timed beside the histogram of all."""
    last_events: list[AnyEvent] | None = None
    last_entries: list["Entry"] = field(default_factory=list)

    def ordinal(self, event_id: str) -> int:
        """Return the event's number, a new one at first sight."""
        return self.ordinals.setdefault(event_id, len(self.ordinals))

    def sums(self) -> tuple[int, int]:
        """Return coins and gifts (Σ count) of what is in the book: what the room's totals must come to."""
        coins = sum(coins for coins, _ in self.settled.values())
        return coins, sum(count for _, count in self.settled.values())

    def enter(self, events: list[AnyEvent]) -> list["Entry"]:
        """Number events; the same list object, shared by many viewers, is looked at once."""
        if events is not self.last_events:
            self.last_events, self.last_entries = events, [self._meet(event) for event in events]
        return self.last_entries

    def _meet(self, event: AnyEvent) -> "Entry":
        if isinstance(event, OtherEvent):
            return Entry(self.ordinal(f"other {event.offset}"), event.offset)
        if isinstance(event, ComboEnded):
            return Entry(self.ordinal(event.combo.id + ".end"), event.offset, combo=event.combo.id)
        ordinal = self.ordinal(event.event_id)
        if not isinstance(event, GiftEvent):
            return Entry(ordinal, event.offset)
        self.gifts.add(ordinal)
        return Entry(ordinal, event.offset, is_gift=True, combo=event.combo.id if event.combo else None)


class Entry(NamedTuple):
    """An event as the checker keeps it. ``combo``: the one that a gift opens or continues, or that ends."""

    ordinal: int
    offset: int
    is_gift: bool = False
    combo: str | None = None
