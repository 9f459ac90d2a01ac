"""API keys of platforms: what they may do, and the text that is shown once."""

import hashlib
import secrets
from dataclasses import dataclass

PREFIX = "lgk_"
SCOPES = {
    "users:read": "read users, wallets and creators' points",
    "users:write": "make and rename users, mint their tokens, end their sessions",
    "users:moderate": "ban, mute and kick users, and set creators' policies",
    "rooms:write": "open and close rooms",
    "gifts:send": "send gifts on a user's behalf",
    "coins:move": "grant coins and withdraw them",
    "events:read": "read every settled gift and movement",
}
"""Each scope, and what it lets do."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as the book knows it: never its text. ``revoked_ms`` is None while it is good."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_ms: int
    revoked_ms: int | None

    @property
    def actor(self) -> str:
        """Who it is in the audit log."""
        return f"key:{self.id}"


def new_text() -> str:
    """Return the text of a new key: 256 bits of chance."""
    return PREFIX + secrets.token_urlsafe(32)


def fingerprint(text: str) -> str:
    """Return what stands in the book for a key's text.

    A plain hash is enough: what has 256 bits of chance can't be guessed, however quick the guessing.
    """
    return hashlib.sha256(text.encode()).hexdigest()
