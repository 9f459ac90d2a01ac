"""Whether the peer still lives: a ping now and then, and a pong in time, or signs that it takes what waits for it."""

from websockets.frames import Frame, Opcode

from livegift.edge.outlet import Outlet


class Heartbeat(Outlet):
    """The beating half of a connection."""

    __slots__ = ("_ping_at_ms", "_pong_due_ms", "_taken_bytes")

    def __init__(self) -> None:
        super().__init__()
        self._ping_at_ms = 0
        self._pong_due_ms = 0
        self._taken_bytes: int | None = None
        """Of a peer that is behind, when it was last looked at."""

    def _beat(self, now_ms: int, *, ping_ms: int, pong_ms: int) -> int | None:
        """Ping if it is time; returns when to look again, None after ending a connection whose peer is dead."""
        if self._pong_due_ms and now_ms >= self._pong_due_ms:
            taken = self.taken_bytes()
            if taken is None or taken == self._taken_bytes:
                self._abort()
                return None
            # Our ping stands behind what it has not read yet, and it reads: slow is not dead.
            self._taken_bytes = taken
            self._pong_due_ms = now_ms + pong_ms
        if now_ms >= self._ping_at_ms:
            self._ping_at_ms = now_ms + ping_ms
            self._pong_due_ms = now_ms + pong_ms
            self._taken_bytes = self.taken_bytes()
            self.put(Frame(Opcode.PING, b"").serialize(mask=False))
        return min(self._pong_due_ms or self._ping_at_ms, self._ping_at_ms)
