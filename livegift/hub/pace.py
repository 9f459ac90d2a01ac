"""When rooms are written to: a room's passes are a tick apart, and all rooms share the loop's turns.

A fold for a quiet room leaves at once, or, where many watch, after a moment (``_gather_ms``); those that follow within
a tick leave together. A pass has a chunk of the room's viewers in a turn of the loop: between two every other room and
command has its turn. A room with more events than anybody can watch skips them (``meter``), and snapshots follow.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from livegift.clock import monotonic_ms
from livegift.hub.room import Room

CHUNK_VIEWERS = 512
"""Viewers written to before the loop has a turn: 2 to 5 ms."""
GATHER_VIEWERS_PER_MS = 125


class Pace:
    """The passes of all rooms of this process. ``follow`` is told of rooms whose viewers may have their snapshot."""

    def __init__(
        self, *, tick_ms: int, chunk_viewers: int, buffer_bytes_max: int, follow: Callable[[Room], None]
    ) -> None:
        self._tick_ms = tick_ms
        self._chunk_viewers = chunk_viewers
        self._buffer_bytes_max = buffer_bytes_max
        self._follow = follow
        self._due: dict[Room, asyncio.TimerHandle | asyncio.Handle] = {}
        """Rooms whose next pass will begin."""
        self._passing: deque[Room] = deque()
        """Rooms whose pass is under way."""
        self._is_writing = False
        self.passes = 0
        self.writes = 0
        self.cpu_ns = 0
        """CPU time of all passes: encoding and writing."""

    def schedule(self, room: Room) -> None:
        """Let the room's next pass begin when it is time: called whenever it has something to say."""
        if room in self._due:
            return
        loop = asyncio.get_running_loop()
        wait_ms = max(room.busy_until_ms - monotonic_ms(), self._gather_ms(room))
        if wait_ms <= 0:
            self._due[room] = loop.call_soon(self._begin, room)
        else:
            self._due[room] = loop.call_later(wait_ms / 1_000, self._begin, room)

    def _gather_ms(self, room: Room) -> int:
        """Return how long a quiet room's first fold waits for company where many watch.

        Gifts sent at once come in several folds, spread over a batch's pause and a flush's; what came after the first
        would wait for a whole tick, and cost another pass.
        """
        return min(self._tick_ms // 5, len(room.feeds) // GATHER_VIEWERS_PER_MS)

    def _begin(self, room: Room) -> None:
        """Begin a pass, if none is under way; rooms take turns, each with a chunk of its viewers."""
        del self._due[room]
        if room.under_way is None:
            now_ms = monotonic_ms()
            room.busy_until_ms = now_ms + self._tick_ms
            if not room.meter.admits(room.pending_events, now_ms):
                room.skip()
                self._let_follow(room, now_ms)
            room.begin_pass()
            self.passes += 1
        if room not in self._passing:
            self._passing.append(room)
        if not self._is_writing:
            self._is_writing = True
            self._write_chunk()

    def _write_chunk(self) -> None:
        """Write to a chunk of viewers of the rooms whose turn it is, and let the loop have its turn."""
        began_ns = time.thread_time_ns()
        left = self._chunk_viewers
        try:
            while left > 0 and self._passing:
                room = self._passing.popleft()
                writes = room.write_on(viewers_max=left, buffer_bytes_max=self._buffer_bytes_max)
                self.writes += writes
                left -= max(1, writes)
                if room.under_way is not None:
                    self._passing.append(room)
                elif room.pending or room.news is not None:
                    self.schedule(room)
        finally:  # what one room raises is the loop's to tell, and nobody else's trouble
            self.cpu_ns += time.thread_time_ns() - began_ns
            self._is_writing = bool(self._passing)
            if self._is_writing:
                asyncio.get_running_loop().call_soon(self._write_chunk)

    def _let_follow(self, room: Room, now_ms: int) -> None:
        """See to it that those who skip get a snapshot, as soon as it is their turn."""
        if not room.is_following:
            room.is_following = True
            wait_s = max(0, room.follow_at_ms - now_ms) / 1_000
            asyncio.get_running_loop().call_later(wait_s, self._follow, room)
