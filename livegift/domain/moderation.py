"""Who is kept from what, and what a creator takes."""

from dataclasses import dataclass
from typing import Literal

EVERYWHERE = ""
"""Where a room's id stands: of every room."""
FOREVER_MS = 2**53 - 1
Kind = Literal["ban", "mute"]


@dataclass(frozen=True, slots=True)
class Sanction:
    """A ban (neither watches nor sends there) or a mute (sends gifts, but no messages); ends at ``until_ms``."""

    room_id: str
    user_id: str
    kind: Kind
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a creator takes. ``allow`` None is every gift; ``deny`` goes before it."""

    gifts: bool = True
    messages: bool = True
    anonymous: bool = True
    min_coins: int = 1
    """Least that one send must be worth, count included."""
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    merge_window_ms: int = 0
    """A hint for overlays: gifts of one sender within this time may be shown as one."""

    def refusal_of(self, gift_id: str, coins: int, *, is_anonymous: bool, has_message: bool) -> str | None:
        """Return the code with which a send is refused, or None."""
        is_taken = self.gifts and coins >= self.min_coins and gift_id not in self.deny
        if not is_taken or (self.allow is not None and gift_id not in self.allow):
            return "not_wanted"
        if (is_anonymous and not self.anonymous) or (has_message and not self.messages):
            return "not_wanted"
        return None
