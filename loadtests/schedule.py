"""Who sends what and when: planned before the first gift leaves, wholly given by the seed. Pure.

The load is open: gifts come when they were planned, however the server fares, so that its pauses are felt (wrk2).
People come at random (a Poisson process), prefer cheap gifts (Zipf), and press the rose many times in a row.
"""

import random
from collections import Counter
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

    @property
    def coins(self) -> int:
        """What it costs in all."""
        return self.price_coins * self.count


def plan(*, seed: int, rate: float, seconds: float, senders: int, coins_each: int) -> list[Planned]:
    """Return ``rate * seconds`` sends in order of time.

    Nobody spends more than ``coins_each``, as long as that is at least a coin for each of their sends.
    """
    chance = random.Random(seed)
    total, span_ms = round(rate * seconds), seconds * 1_000
    acts: list[Act] = []
    while len(acts) < total:
        acts += act(chance, at_ms=chance.random() * span_ms, sender=chance.randrange(senders), end_ms=span_ms)
    rows = sorted(acts[:total], key=_when)
    # A coin is kept for each send to come: who can't afford more falls back to roses, and the rate stays what it is.
    spare = Counter(dict.fromkeys(range(senders), coins_each))
    spare.subtract(row[1] for row in rows)
    sends = []
    for index, (at_ms, sender, gift, count, message, anonymous) in enumerate(rows):
        if PRICES[gift] * count - 1 > spare[sender]:
            gift, count = "rose", 1
        spare[sender] -= PRICES[gift] * count - 1
        sends.append(Planned(index, at_ms, sender, gift, PRICES[gift], count, message, anonymous))
    return sends


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


def _when(row: Act) -> tuple[float, int]:
    return row[0], row[1]
