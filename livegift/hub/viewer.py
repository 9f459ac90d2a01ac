"""What the hub knows of a connection: it writes to viewers and knows no sockets."""

from collections.abc import Callable, Sequence
from typing import Protocol

from livegift.wire.codec import Codec


class Viewer(Protocol):
    """A connection, as the hub sees it."""

    codec: Codec

    @property
    def person(self) -> str:
        """Whose connection it is: their user id."""

    def write(self, frame: bytes) -> None:
        """Send a whole frame, after those before it."""

    def offer(self, frames: bytes, unsent_bytes_max: int) -> bool:
        """Send whole frames in one write, after those before them; False, and nothing, if the peer lags by more."""

    def unsent_bytes(self) -> int:
        """Return how much the peer has not taken yet."""

    def close(self, code: int, reason: str) -> None:
        """Close after what was written."""


WriteToAll = Callable[[Sequence[Viewer], bytes, int], list[Viewer]]
"""``offer`` to many: takes viewers, frames and the most unsent bytes; returns those who got nothing."""


def offer_each(viewers: Sequence[Viewer], frames: bytes, unsent_bytes_max: int) -> list[Viewer]:
    """Write to any viewers; an edge knows a quicker way to write to its own (``edge.outlet.write_to_all``)."""
    return [viewer for viewer in viewers if not viewer.offer(frames, unsent_bytes_max)]
