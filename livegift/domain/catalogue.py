"""The versioned list of gifts, and the one a new book starts with."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GiftRow:
    """A gift of the catalogue; ``streakable`` ones form combos; ``tier`` 1 (tray) to 4 (full screen)."""

    id: str
    name: str
    price_coins: int
    tier: int
    streakable: bool
    image: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All gifts of one version."""

    version: int
    gifts: tuple[GiftRow, ...]

    def gift(self, gift_id: str) -> GiftRow | None:
        """Return the gift of that id, or None."""
        return next((gift for gift in self.gifts if gift.id == gift_id), None)


def _gift(gift_id: str, name: str, price_coins: int, tier: int, *, streakable: bool = False) -> GiftRow:
    return GiftRow(gift_id, name, price_coins, tier, streakable, f"/assets/gifts/{gift_id}.svg")


FIRST_GIFTS = (
    _gift("rose", "Rose", 1, 1, streakable=True),
    _gift("heart", "Heart", 5, 1, streakable=True),
    _gift("clap", "Applause", 10, 1, streakable=True),
    _gift("coffee", "Coffee", 30, 2, streakable=True),
    _gift("party", "Party", 99, 2, streakable=True),
    _gift("diamond", "Diamond", 199, 2),
    _gift("rocket", "Rocket", 500, 3),
    _gift("castle", "Castle", 1_000, 3),
    _gift("dragon", "Dragon", 5_000, 3),
    _gift("unicorn", "Unicorn", 10_000, 4),
    _gift("planet", "Planet", 29_999, 4),
    _gift("universe", "Universe", 44_999, 4),
)
"""The catalogue of a new book; prices in coins."""
