"""Letting viewers into a room: each gets exactly what it missed, or a snapshot, and then every event after it.

What a room has had lately stands in its memory, so most of those who come back need no reading of the stored room at
all; what has to be read is read once for all who wait for it. Answers that are the same for many are encoded once.
"""

import asyncio
from collections.abc import Callable, Sequence

from msgspec import UNSET

from livegift.clock import monotonic_ms
from livegift.domain.cursor import Place
from livegift.errors import Unavailable
from livegift.hub.frames import Feed, framed, room_frame
from livegift.hub.missed import missed_pages, place_of
from livegift.hub.replies import recovered, snapshot_push, with_snapshot
from livegift.hub.room import Room
from livegift.hub.stored import Rooms
from livegift.hub.viewer import Viewer
from livegift.sharing import Shared
from livegift.wire.folds import History, RoomView
from livegift.wire.messages import Since

FEEDING_WAIT_S = 5.0
POLL_S = 0.05
STALL_MS = 10_000
"""How long a creator may take to read a page of what it has missed."""
READINGS_MAX = 8
"""How often a room is read for one who joins, if it moves on meanwhile; then the client asks again."""

Snap = tuple[RoomView, int]
"""A room's state, and its viewers."""


class Door:
    """The door to all rooms of this process."""

    def __init__(
        self,
        read: Rooms,
        *,
        pause_ms: int,
        unsent_bytes_max: int,
        schedule: Callable[[Room], None],
        fill: Callable[[Room], None],
    ) -> None:
        self._read = read
        self._pause_ms = pause_ms
        self._unsent_bytes_max = unsent_bytes_max
        self._schedule = schedule
        self._fill = fill
        self._histories: dict[str, Shared[Since, History | None]] = {}
        self._views: dict[str, Shared[None, Snap]] = {}
        self.readings = 0

    def forget(self, room_id: str) -> None:
        """Let go of what belongs to a room that nobody watches any more."""
        self._histories.pop(room_id, None)
        self._views.pop(room_id, None)

    async def let_in(
        self,
        room: Room,
        viewer: Viewer,
        feed: Feed,
        since: Since | None,
        command_id: int,
        place: Place | None = None,
    ) -> None:
        """Write ``subscribed``; from then on the viewer stands in the room. Raises ``Unavailable``.

        What lies between a creator's ``place`` and the snapshot that it gets is written before, from the book.
        """
        room.leave(viewer)
        room.enter(viewer, feed)
        if self._from_memory(room, viewer, feed, since, command_id):
            return
        mine = room.hold(viewer)
        try:
            if since is not None:
                history = await self._history(room, since)
                if room.joining.get(viewer) is not mine:
                    return  # it has left, or asked again, meanwhile
                self._learn(room, history)
                if self._from_memory(room, viewer, feed, since, command_id):
                    return
            for _ in range(READINGS_MAX):
                moves = room.moves
                view, count = await self._snap_beyond(room, place)
                if place is not None and not await self._write_missed(room, viewer, mine, place, view):
                    return
                if room.joining.get(viewer) is not mine:
                    return
                place = place and place_of(view)
                self.begin(room, view)
                if room.moves == moves and self._with_view(room, viewer, feed, view, count, command_id):
                    return
        except BaseException:
            if room.joining.get(viewer) is mine:
                room.leave(viewer)
            raise
        room.leave(viewer)
        raise Unavailable(f"room {room.room_id} moved on {READINGS_MAX} times while it was read")

    def _from_memory(self, room: Room, viewer: Viewer, feed: Feed, since: Since | None, command_id: int) -> bool:
        """Answer at once, if that can be done; there is no moment in which something could be missed."""
        if since is None or not room.epoch or since.epoch != room.epoch:
            return False
        if not room.known_after <= since.offset <= room.offset:
            return False

        def encode() -> bytes:
            events = room.after(since.offset)
            cursor = room.cursor if feed == "creator" else UNSET
            return framed(viewer.codec, recovered(command_id, room.room_id, feed, since, events, room.totals, cursor))

        key = ("recovered", viewer.codec.subprotocol, feed, command_id, since.offset, room.epoch, room.offset)
        viewer.write(room.replies.get(key, encode))
        self.stand(room, viewer, room.offset)
        return True

    def _with_view(self, room: Room, viewer: Viewer, feed: Feed, view: RoomView, count: int, command_id: int) -> bool:
        """Answer with a snapshot and what has come since; False, and nothing, if the room remembers too little."""
        if view.epoch == room.epoch and view.offset < room.known_after:
            return False

        def encode() -> bytes:
            cursor = self._read.seal(room.room_id, place_of(view)) if feed == "creator" else UNSET
            return framed(viewer.codec, with_snapshot(command_id, room.room_id, feed, view, count, cursor))

        key = ("snapshot", viewer.codec.subprotocol, feed, command_id, view.epoch, view.offset, count)
        viewer.write(room.replies.get(key, encode))
        self._go_on(room, viewer, feed, view.epoch, view.offset)
        return True

    @staticmethod
    def put_off(room: Room, viewers: Sequence[tuple[Viewer, object]]) -> None:
        """Let those who are still held lag: each still lacks something, and gets it with a later snapshot."""
        for viewer, held in viewers:
            if room.joining.get(viewer) is held:
                del room.joining[viewer]
                room.lagging.add(viewer)

    def push(self, room: Room, viewers: Sequence[tuple[Viewer, object]], view: RoomView, count: int) -> int:
        """Give those who are still held a snapshot in place of what they lack; who can't go on from it lags.

        Returns the bytes of the largest snapshot.
        """
        largest = 0
        if view.epoch == room.epoch and view.offset < room.known_after:
            self.put_off(room, viewers)
            return largest
        for viewer, held in viewers:
            if room.joining.get(viewer) is not held:
                continue
            feed = room.feeds[viewer]
            if feed == "creator":
                room.part(viewer, "the creator feed has met a hole")
                continue
            room.lagging.discard(viewer)
            frame = self._pushed(room, viewer, feed, view, count)
            largest = max(largest, len(frame))
            viewer.write(frame)
            self._go_on(room, viewer, feed, view.epoch, view.offset)
        return largest

    @staticmethod
    def _pushed(room: Room, viewer: Viewer, feed: Feed, view: RoomView, count: int) -> bytes:
        def encode() -> bytes:
            return framed(viewer.codec, snapshot_push(room.room_id, view, count, feed))

        key = ("push", viewer.codec.subprotocol, feed, view.epoch, view.offset, count)
        return room.replies.get(key, encode)

    def _go_on(self, room: Room, viewer: Viewer, feed: Feed, epoch: str, offset: int) -> None:
        """Write what the room has had since a snapshot; the viewer then stands where the room stands, or skips up."""
        if epoch != room.epoch:
            room.joining.pop(viewer, None)
            room.lagging.add(viewer)  # what others get here is not for it, until all stand at a new place
            self._fill(room)
            return
        if offset < room.offset:

            def encode() -> bytes:
                events = room.after(offset)
                cursor = room.cursor if feed == "creator" else UNSET
                return framed(viewer.codec, room_frame(room.room_id, epoch, events, room.totals, feed, cursor))

            key = ("rest", viewer.codec.subprotocol, feed, offset, epoch, room.offset)
            viewer.write(room.replies.get(key, encode))
        self.stand(room, viewer, max(offset, room.offset))

    @staticmethod
    def stand(room: Room, viewer: Viewer, offset: int) -> None:
        """Let a viewer, who has been told everything up to there, get what follows."""
        room.joining.pop(viewer, None)
        if offset > room.sent:
            room.ahead[viewer] = offset

    def begin(self, room: Room, view: RoomView) -> None:
        """Put a room that stands nowhere yet at a snapshot's place."""
        if not room.epoch:
            self._follow_up(room, room.begin(view.epoch, view.offset, view.totals, view.marks))

    def _learn(self, room: Room, history: History | None) -> None:
        """Let the room know what was read of its history, also what it should have heard."""
        if history is None:
            return
        if not room.epoch:
            self._follow_up(room, room.begin(history.epoch, history.offset, history.totals, history.marks))
        room.remember(history)
        if room.is_filling:
            return  # that takes care of what came since
        for fold in history.folds:
            if not room.take(fold):
                break
        if room.pending:
            self._schedule(room)

    def _follow_up(self, room: Room, is_whole: bool) -> None:
        if not is_whole:
            self._fill(room)
        elif room.pending:
            self._schedule(room)

    # --- what creators have missed ---

    async def _snap_beyond(self, room: Room, place: Place | None) -> Snap:
        """Return the room's state once it holds all that a creator has seen.

        After an engine's restart a room may stand behind that, until it is fed. Raises ``Unavailable``.
        """
        until = monotonic_ms() + int(FEEDING_WAIT_S * 1_000)
        while True:
            view, count = await self.snap(room)
            if place is None or not place_of(view).is_behind(place.marks):
                return view, count
            if monotonic_ms() > until:
                raise Unavailable(f"room {room.room_id} is being filled from the book")
            await asyncio.sleep(POLL_S)

    async def _write_missed(self, room: Room, viewer: Viewer, mine: object, place: Place, view: RoomView) -> bool:
        """Write what the book has between a creator's place and a state of the room; False if the creator has left.

        It takes as long as the creator takes to read it, and no more than a page waits for that.
        """
        async for message, _ in missed_pages(self._read, room.room_id, place, view):
            if room.joining.get(viewer) is not mine:
                return False
            viewer.write(framed(viewer.codec, message))
            until = monotonic_ms() + STALL_MS
            while room.joining.get(viewer) is mine and viewer.unsent_bytes() > self._unsent_bytes_max:
                if monotonic_ms() > until:
                    room.part(viewer, "the creator feed was too slow")
                else:
                    await asyncio.sleep(POLL_S)
        return room.joining.get(viewer) is mine

    # --- readings ---

    async def snap(self, room: Room) -> Snap:
        """Return the room's state once it has one and is not being fed, as it is read for all who want it now.

        Raises ``Unavailable``.
        """
        shared = self._views.get(room.room_id)
        if shared is None:

            async def read(_: list[None]) -> Snap:
                return await self.snap_alone(room)

            shared = self._views[room.room_id] = Shared(read, pause_ms=self._pause_ms)
        return await shared.ask(None)

    async def snap_alone(self, room: Room) -> Snap:
        """Return the same by a reading of its own, which waits for no other."""
        until = monotonic_ms() + int(FEEDING_WAIT_S * 1_000)
        while True:
            self.readings += 1
            view = await self._read.view(room.room_id)
            if view is not None and not view.feeding:
                return view, (await self._read.viewers([room.room_id]))[room.room_id]
            if monotonic_ms() > until:
                raise Unavailable(f"room {room.room_id} is being filled from the book")
            await asyncio.sleep(POLL_S)

    async def _history(self, room: Room, since: Since) -> History | None:
        shared = self._histories.get(room.room_id)
        if shared is None:

            async def read(asked: list[Since]) -> History | None:
                return await self._read_history(room, asked)

            shared = self._histories[room.room_id] = Shared(read, pause_ms=self._pause_ms)
        return await shared.ask(since)

    async def _read_history(self, room: Room, asked: Sequence[Since]) -> History | None:
        """Return the room's history after the earliest place that was asked for; None if none can be resumed."""
        self.readings += 1
        epoch, offset = (await self._read.positions([room.room_id])).get(room.room_id, ("", 0))
        places = [since.offset for since in asked if since.epoch == epoch and since.offset <= offset]
        if not places:
            return None
        # Who has seen more than this process has heard can be answered once the room knows what lies between.
        after = min(*places, room.offset) if room.epoch == epoch else min(places)
        return await self._read.since(room.room_id, epoch, after)
