"""What can go wrong, how often in this seed, and how often it has.

Each seed draws a weather of its own: some kinds come thick, some not at all, so that rare pairs meet. A kind is counted
only when it has struck something that was really under way.
"""

import random
from collections import Counter
from dataclasses import dataclass, field

KINDS = {
    "crash": "a process dies between two of its I/O calls",
    "crash_in_call": "a process dies while a call is under way, which may still be done",
    "stop": "a flusher is told to stop, and another begins",
    "request_lost": "a call never reaches the engine",
    "reply_lost": "the engine has done a call, its caller never hears of it",
    "doubled": "the engine is given the same call twice, the second time at once",
    "late_copy": "the engine is given the same call again seconds later",
    "delayed": "a call or its reply takes far longer than usual",
    "reordered": "a call overtakes one that the same process made before it",
    "torn": "a connection breaks in the midst of a pipeline",
    "interleaved": "other calls come between the commands of a pipeline",
    "hint_lost": "a pub/sub message does not arrive",
    "hint_delayed": "a pub/sub message comes late",
    "engine_down": "the engine refuses connections for a while",
    "rolled_back": "the engine restarts without its last writes (all slots, or some)",
    "emptied": "the engine restarts with nothing",
    "promoted": "the engine goes on under another owner with all it had",
    "room_rolled_back": "one room's slot loses its last writes in a fail-over",
    "room_torn": "a fail-over leaves one room's keys not whole",
    "room_lost": "one room's keys are gone",
    "sql_refused": "the book does not answer, and the call was not done",
    "sql_unknown": "the book does not answer, and the call was done, at once or later",
    "clocks_leap": "all clocks move on by minutes",
    "engine_clock_steps": "the engine's clock is far off for a while",
    "process_clock_steps": "one process' clock is far off for a while",
    "two_flushers": "a flush follows another flusher's flush",
    "two_announcers": "a room is announced to by another than the last time",
    "client_request_lost": "a client's message is lost with its connection",
    "client_reply_lost": "a message to a client is lost with its connection",
    "client_doubled": "an edge is given the same message twice",
    "client_delayed": "a message between client and edge takes seconds",
}


@dataclass
class Strikes:
    """What has struck."""

    kinds: Counter[str] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(kind, the I/O call before, the one that it struck or that was not made any more)"""

    def add(self, other: "Strikes") -> None:
        self.kinds += other.kinds
        self.pairs += other.pairs


class Weather:
    """Chance of each fault on the line in this seed, and whether faults come at all now."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.is_calm = False
        self._share = {kind: chance.choice((0.0, 0.5, 1.0, 2.0)) for kind in KINDS}

    def strikes(self, kind: str, share: float) -> bool:
        """Draw whether a fault of this kind comes now; ``share`` is its usual share of calls."""
        return not self.is_calm and self._chance.random() < share * self._share[kind]

    def count(self, kind: str, usual: int) -> int:
        """Draw how many of a kind this seed plans."""
        return round(self._share[kind] * self._chance.uniform(0.5, 1.5) * usual)
