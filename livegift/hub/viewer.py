"""What the hub knows of a connection: it writes to viewers and knows no sockets."""

from typing import Protocol

from livegift.wire.codec import Codec


class Viewer(Protocol):
    """A connection, as the hub sees it."""

    codec: Codec

    def write(self, frame: bytes) -> None:
        """Send a whole frame, after those before it."""

    def offer(self, frames: bytes, unsent_bytes_max: int) -> bool:
        """Send whole frames in one write, after those before them; False, and nothing, if the peer lags by more."""

    def unsent_bytes(self) -> int:
        """Return how much the peer has not taken yet."""

    def close(self, code: int, reason: str) -> None:
        """Close after what was written."""
