"""What a good token says, whoever has minted it."""

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["viewer", "creator", "moderator", "admin", "support", "finance", "auditor", "bot"]
ROLES: tuple[str, ...] = get_args(Role)
"""What a token may be good for; see docs/identity.md."""
SENDING_ROLES = frozenset({"viewer", "creator", "moderator", "admin"})
"""Who may send gifts: not a program that only watches, and nobody whose work is the books."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Who somebody is, and for how long. Times are milliseconds since 1970."""

    user: str
    name: str
    role: str
    expires_ms: int
    issued_ms: int = 0
    """0 where the token does not say: any revocation ends it."""
    rooms: tuple[str, ...] | None = None
    """The only rooms it is good for; None: all."""
    is_adult: bool | None = None
    """None where nobody has looked."""

    def may_enter(self, room_id: str) -> bool:
        """Whether it is good for that room."""
        return self.rooms is None or room_id in self.rooms


class TokenRefused(Exception):
    """The token does not open the door; ``code`` is bad_token, token_expired or banned, ``why`` is for the log."""

    def __init__(self, code: str, why: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.why = why
