"""The hash chain over a partition's events.

Each link is SHA-256 over the previous head and the event's canonical core: fields as netstrings, in a fixed order.
Ids of ours, numbers and times stand in it plainly; of any text only a salted hash, so that a person can be erased
and every proof still holds.
"""

import hashlib

GENESIS = bytes(32)
"""Head of a partition without events."""


def text_hash(text: str | None, salt: bytes) -> str:
    """Return the hash that stands for a text in the chain; '-' for none."""
    return "-" if text is None else hashlib.sha256(salt + text.encode()).hexdigest()


def link(head: bytes, core: tuple[str | int, ...]) -> bytes:
    """Return the new head after one event with this canonical core."""
    text = "".join(f"{len(str(field).encode())}:{field}," for field in core)
    return hashlib.sha256(head + text.encode()).digest()
