"""Who sends what and when: planned before the first gift leaves, wholly given by the seed. Pure.

The load is open: gifts come when they were planned, however the server fares, so that its pauses are felt (wrk2).
People come at random (a Poisson process), prefer cheap gifts (Zipf), and press the rose many times in a row.
"""

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

PRICES = {
    "rose": 1,
    "heart": 5,
    "clap": 10,
    "coffee": 30,
    "party": 99,
    "diamond": 199,
    "rocket": 500,
    "castle": 1_000,
    "dragon": 5_000,
    "unicorn": 10_000,
    "planet": 29_999,
    "universe": 44_999,
}
"""Gifts and their prices in coins, cheapest first."""
STREAKABLE = ("rose", "heart", "clap", "coffee", "party")
ZIPF_EXPONENT = 2.0
STREAK_SHARE = 0.15
"""Share of acts that are streaks of one cheap gift."""
STREAK_GAP_MS = 150.0
"""Between two presses; below a sender's sustained 10 sends a second."""
WAVES = 4
"""Ups and downs of a run whose rate swings."""
MESSAGE_SHARE = 0.05
ANONYMOUS_SHARE = 0.05
MESSAGES = ("That was lovely!", "Encore!", "Greetings from Lisbon", "🌹 for you", "First time here, staying.", "Bravo!")
Act = tuple[float, int, str, int, str | None, bool]
"""At ms, sender, gift, count, message, anonymous."""
_WEIGHTS = [rank**-ZIPF_EXPONENT for rank in range(1, len(PRICES) + 1)]


@dataclass(frozen=True, slots=True)
class Planned:
    """One send. ``at_ms`` counts from the start; ``sender`` is an index; ``price_coins`` is for one of ``count``."""

    index: int
    at_ms: float
    sender: int
    gift: str
    price_coins: int
    count: int = 1
    message: str | None = None
    anonymous: bool = False
    room: int | None = None
    """Number of the room it goes to; None: the one its sender watches."""

    @property
    def coins(self) -> int:
        """What it costs in all."""
        return self.price_coins * self.count


def plan(
    *,
    seed: int,
    rate: float,
    seconds: float,
    senders: int,
    coins_each: int,
    swing: float = 0.0,
    popularity: Sequence[float] = (),
) -> list[Planned]:
    """Return ``rate * seconds`` sends in order of time.

    Nobody spends more than ``coins_each``, as long as that is at least a coin for each of their sends. With a ``swing``
    the rate goes up and down by that share, ``WAVES`` times. ``popularity``: weights of the rooms that gifts go to.
    """
    chance = random.Random(seed)
    total, span_ms = round(rate * seconds), seconds * 1_000
    acts: list[tuple[Act, int | None]] = []
    while len(acts) < total:
        at_ms = _moment(chance, swing) * span_ms
        own = act(chance, at_ms=at_ms, sender=chance.randrange(senders), end_ms=span_ms)
        room = chance.choices(range(len(popularity)), popularity)[0] if popularity else None
        acts += [(one, room) for one in own]
    rows = sorted(acts[:total], key=_when)
    # A coin is kept for each send to come: who can't afford more falls back to roses, and the rate stays what it is.
    spare = Counter(dict.fromkeys(range(senders), coins_each))
    spare.subtract(row[1] for row, _ in rows)
    sends = []
    for index, ((at_ms, sender, gift, count, message, anonymous), room) in enumerate(rows):
        if PRICES[gift] * count - 1 > spare[sender]:
            gift, count = "rose", 1
        spare[sender] -= PRICES[gift] * count - 1
        sends.append(Planned(index, at_ms, sender, gift, PRICES[gift], count, message, anonymous, room))
    return sends


def zipf(count: int, *, exponent: float = 1.0) -> list[float]:
    """Return the weights of so many rooms, the most popular first: the n-th has 1 / n ** exponent."""
    return [rank**-exponent for rank in range(1, count + 1)]


def _moment(chance: random.Random, swing: float) -> float:
    """Draw a share of the span; with a swing the wave's crests are drawn more often than its troughs."""
    while True:
        share = chance.random()
        if not swing or chance.random() * (1 + swing) <= 1 + swing * math.sin(share * WAVES * 2 * math.pi):
            return share


def act(chance: random.Random, *, at_ms: float, sender: int, end_ms: float) -> list[Act]:
    """Return what one person does at a time: one gift, or a streak of equal ones until ``end_ms`` at most."""
    if chance.random() < STREAK_SHARE:
        gift = chance.choices(STREAKABLE, [8, 3, 2, 1, 1])[0]
        presses = [at_ms + press * STREAK_GAP_MS for press in range(chance.randint(3, 12))]
        return [(press_ms, sender, gift, 1, None, False) for press_ms in presses if press_ms < end_ms]
    gift = chance.choices(list(PRICES), _WEIGHTS)[0]
    count = chance.choices((1, 10, 99), (20, 2, 1))[0] if PRICES[gift] <= 10 else 1
    message = chance.choice(MESSAGES) if chance.random() < MESSAGE_SHARE else None
    return [(at_ms, sender, gift, count, message, chance.random() < ANONYMOUS_SHARE)]


def _when(row: tuple[Act, int | None]) -> tuple[float, int]:
    return row[0][0], row[0][1]
