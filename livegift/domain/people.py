"""Users, rooms and wallet rows as the rest of the program passes them around."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class User:
    """A person. ``role`` is viewer or creator."""

    id: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class RoomRow:
    """A live room. ``state`` is open or closed; ``closed_at_ms`` is None while it is open."""

    id: str
    title: str
    creator_id: str
    creator_name: str
    closed_at_ms: int | None

    @property
    def state(self) -> Literal["open", "closed"]:
        """Whether it takes gifts."""
        return "open" if self.closed_at_ms is None else "closed"


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """A change of a wallet that waits in the book: its partition and its gapless number there."""

    partition: int
    number: int
    user_id: str


@dataclass(frozen=True, slots=True)
class WalletRow:
    """One line of a wallet's history; ``coins`` is signed. ``id`` names it uniquely."""

    id: str
    kind: str
    coins: int
    ts_ms: int
