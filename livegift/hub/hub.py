"""The hub: folds come in from Redis, frames go out to this process' viewers.

Pub/sub is a hint. Each second the rooms' positions are compared with the stored ones and gaps are filled from the
history; what can't be had, or a new epoch, becomes a ``snapshot``. A creator's feed, which may lack nothing, is closed
instead: it comes back with its cursor, and the book has what it missed. ``pace`` says when a room is written to.
"""

import asyncio
from collections.abc import Sequence

import structlog

from livegift.clock import monotonic_ms
from livegift.domain.cursor import Place
from livegift.domain.headcount import Sample, person_hash
from livegift.engine import Client, faults
from livegift.errors import Fault
from livegift.hub.door import Door
from livegift.hub.frames import Feed
from livegift.hub.meter import EVENTS_PER_S
from livegift.hub.pace import CHUNK_VIEWERS, Pace
from livegift.hub.room import Room
from livegift.hub.stored import Rooms
from livegift.hub.viewer import Viewer, WriteToAll, offer_each
from livegift.wire.folds import RoomView, parse_fold
from livegift.wire.messages import Since

COMPARE_S = 1.0
POLL_S = 0.05
FADE_LOOKS = 10
"""Looks at the rooms, one a second, between two at which they forget what is older."""
EMPTY_LOOKS = 15
"""Looks that an empty room is kept for: who lost their connection come back, and then nothing need be read."""
READING_PAUSE_MS = 100
"""Shortest time between two readings of a room for those who join: more viewers share one, there are not more."""
COUNT_LOOKS = 2
"""Looks at the rooms between two countings of people."""
SAY_MS = 2_500
"""What has not changed is said again after this long: who is silent for three times as long counts nobody."""
SNAPSHOT_BYTES_PER_S = 125_000
"""What a viewer may get in snapshots of a room that has more events than it shows: large ones come less often."""

log = structlog.get_logger(__name__)


class Hub:
    """All rooms of this process. ``run`` serves until cancelled."""

    def __init__(
        self,
        client: Client,
        rooms: Rooms,
        *,
        worker: str,
        tick_ms: int,
        buffer_bytes_max: int,
        chunk_viewers: int = CHUNK_VIEWERS,
        reading_pause_ms: int = READING_PAUSE_MS,
        events_per_s: int = EVENTS_PER_S,
        write_to_all: WriteToAll = offer_each,
    ) -> None:
        self._client = client
        self._read = rooms
        self._worker = worker
        self._chunk_viewers = chunk_viewers
        self._events_per_s = events_per_s
        self._write_to_all = write_to_all
        self._rooms: dict[str, Room] = {}
        self._subscription = client.pubsub(ignore_subscribe_messages=True)
        self._subscribing = asyncio.Lock()
        self._channels: dict[str, str] = {}
        self._wanted = asyncio.Event()
        self._fill: asyncio.Queue[Room] = asyncio.Queue()
        self._follow: asyncio.Queue[Room] = asyncio.Queue()
        self._counted: dict[str, tuple[Sample, int]] = {}
        self.pace = Pace(
            tick_ms=tick_ms,
            chunk_viewers=chunk_viewers,
            buffer_bytes_max=buffer_bytes_max,
            follow=self._follow.put_nowait,
        )
        self._door = Door(
            rooms,
            pause_ms=reading_pause_ms,
            unsent_bytes_max=buffer_bytes_max,
            schedule=self.pace.schedule,
            fill=self._fill.put_nowait,
        )
        self._looks = 0
        self.events = 0

    def viewers(self) -> int:
        """Return how many subscriptions this process has."""
        return sum(len(room.feeds) for room in self._rooms.values())

    def lagging(self) -> int:
        """Return how many of them have skipped frames and wait for a snapshot."""
        return sum(len(room.lagging) for room in self._rooms.values())

    async def count_of(self, room_id: str) -> int:
        """Return the room's viewers in all processes. Raises ``Unavailable``."""
        return (await self.counts_of([room_id]))[room_id]

    async def counts_of(self, room_ids: Sequence[str]) -> dict[str, int]:
        """Return how many people watch each of these rooms, in all processes, in one round trip."""
        return await self._read.viewers(room_ids)

    async def view_of(self, room_id: str) -> RoomView | None:
        """Return the room's state, or None if it has none. Raises ``Unavailable``."""
        return await self._read.view(room_id)

    # --- joining and leaving ---

    async def join(
        self,
        viewer: Viewer,
        room_id: str,
        feed: Feed,
        since: Since | None,
        command_id: int,
        place: Place | None = None,
    ) -> None:
        """Let a viewer in: write ``subscribed``, and every event after it in order. Raises ``Unavailable``.

        A creator that gives the ``place`` of its cursor gets every gift after it, if need be from the book.
        """
        await self._door.let_in(await self._room(room_id), viewer, feed, since, command_id, place)

    async def _room(self, room_id: str) -> Room:
        """Return the room, which is there only once its channel is subscribed. Raises ``Unavailable``."""
        if room := self._rooms.get(room_id):
            return room
        # One at a time: the first command opens the subscription's connection, and two at once would open two and
        # hear one. A room that is there without a subscription would be heard by the comparison only.
        async with self._subscribing:
            room = self._rooms.get(room_id)
            if room is None:
                channel = self._read.channel(room_id)
                async with faults():
                    await self._subscription.subscribe(channel)
                self._channels[channel] = room_id
                room = self._rooms[room_id] = Room(room_id, self._read.seal, self._write_to_all, self._events_per_s)
                self._wanted.set()
        return room

    def leave(self, viewer: Viewer, room_id: str) -> None:
        """Take a viewer out of a room; the room goes with its last one, a little later."""
        room = self._rooms.get(room_id)
        if room is not None:
            room.leave(viewer)

    def lags(self, viewer: Viewer, room_ids: Sequence[str]) -> bool:
        """Tell whether a viewer has skipped frames in one of these rooms."""
        return any((room := self._rooms.get(room_id)) and viewer in room.lagging for room_id in room_ids)

    async def caught_up(self, viewer: Viewer, room_ids: Sequence[str]) -> None:
        """A viewer's buffer is empty again: where it has lagged it gets a snapshot and goes on."""
        for room_id in room_ids:
            room = self._rooms.get(room_id)
            if room is not None and viewer in room.lagging and not room.is_following:
                await self._push_snapshot(room, [viewer], moves_room=False)

    # --- folds in, frames out ---

    def take(self, room_id: str, blob: bytes) -> None:
        """Take a published fold."""
        room = self._rooms.get(room_id)
        if room is None:
            return
        fold = parse_fold(blob)
        if not room.epoch:
            room.hear(fold)  # nobody stands anywhere yet; the first who is let in will name the position
            return
        if room.is_filling:
            room.has_missed = True
            return
        if not room.take(fold):
            self._fill.put_nowait(room)
            return
        self.events += len(fold.events)
        self.pace.schedule(room)

    # --- keeping up with the stored rooms ---

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen())
                tasks.create_task(self._keep_comparing())
                tasks.create_task(self._serve_fills(tasks))
                tasks.create_task(self._serve_follows(tasks))
        finally:
            await self._subscription.aclose()  # type: ignore[no-untyped-call]

    async def _listen(self) -> None:
        while True:
            await self._wanted.wait()
            try:
                async with faults():
                    message = await self._subscription.get_message(timeout=COMPARE_S)
                if message is not None:
                    self.take(self._channels.get(message["channel"].decode(), ""), message["data"])
            except Fault as fault:
                log.info("folds_interrupted", why=str(fault))
                await asyncio.sleep(POLL_S)
            if not self._subscription.subscribed:
                self._wanted.clear()

    async def _keep_comparing(self) -> None:
        while True:
            await asyncio.sleep(COMPARE_S)
            self._looks += 1
            if self._looks % FADE_LOOKS == 0:
                for room in self._rooms.values():
                    room.fade()
            try:
                await self._drop_empty()
                if self._looks % COUNT_LOOKS == 0:
                    await self._count()
                await self.compare()
            except Fault as fault:
                log.info("rooms_not_compared", why=str(fault))

    async def compare(self) -> None:
        """Find what was missed, and who still waits for a snapshot. Raises ``Unavailable``."""
        rooms = [room for room in self._rooms.values() if room.epoch]
        stored = await self._read.positions([room.room_id for room in rooms])
        for room in rooms:
            position = stored.get(room.room_id)
            # What is stored may be older than what has come since; only what is ahead was missed.
            if position is not None and (position[0] != room.epoch or position[1] > room.offset):
                self._fill.put_nowait(room)
        await self._free_lagging(rooms)

    async def _free_lagging(self, rooms: Sequence[Room]) -> None:
        """Catch up viewers whose buffer is empty but whose snapshot could not be read when it became so."""
        for room in rooms:
            waiting = room.lagging - room.joining.keys()  # a snapshot is being read for the others
            free = [viewer for viewer in waiting if viewer.unsent_bytes() == 0]
            if free and not room.is_filling:
                await self._push_snapshot(room, free, moves_room=False)

    async def _drop_empty(self) -> None:
        for room_id, room in list(self._rooms.items()):
            room.empty_looks = 0 if room.feeds else room.empty_looks + 1
            if room.empty_looks > EMPTY_LOOKS:
                del self._rooms[room_id]
                self._door.forget(room_id)
                channel = self._read.channel(room_id)
                del self._channels[channel]
                self._counted.pop(room_id, None)
                async with self._subscribing, faults():
                    if room_id not in self._rooms:  # somebody may have come back while we waited
                        await self._subscription.unsubscribe(channel)
                await self._read.count_viewers(self._worker, {room_id: Sample(0, ())})

    async def _count(self) -> None:
        """Say who is here, hear who is elsewhere, and tell viewers where their number has changed."""
        now_ms = monotonic_ms()
        samples: dict[str, Sample] = {}
        for room_id, room in self._rooms.items():
            if room.heads.is_thin:
                room.heads.renew([person_hash(viewer.person) for viewer in room.feeds])
            sample = room.heads.sample()
            said, said_ms = self._counted.get(room_id, (None, 0))
            if sample != said or now_ms - said_ms > SAY_MS:
                samples[room_id] = sample
                self._counted[room_id] = (sample, now_ms)
        if samples:
            await self._read.count_viewers(self._worker, samples)
        watched = [room_id for room_id, room in self._rooms.items() if room.feeds]
        for room_id, viewers in (await self._read.viewers(watched)).items() if watched else ():
            counted = self._rooms.get(room_id)
            if counted is not None and counted.count(viewers, monotonic_ms()):
                self.pace.schedule(counted)

    async def _serve_follows(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            tasks.create_task(self._follow_room(await self._follow.get()))

    async def _follow_room(self, room: Room) -> None:
        room.is_following = False
        try:
            if self._rooms.get(room.room_id) is room:
                await self._free_lagging([room])
        except Fault as fault:
            log.info("room_not_followed", room=room.room_id, why=str(fault))  # the next comparison tries again

    async def _serve_fills(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            room = await self._fill.get()
            if not room.is_filling and self._rooms.get(room.room_id) is room:
                room.is_filling = True
                tasks.create_task(self._fill_room(room))

    async def _fill_room(self, room: Room) -> None:
        try:
            await self._catch_up(room)
        except Fault as fault:
            log.info("room_not_filled", room=room.room_id, why=str(fault))
        finally:
            room.is_filling = False
        if room.has_missed:
            room.has_missed = False
            self._fill.put_nowait(room)

    async def _catch_up(self, room: Room) -> None:
        history = await self._read.since(room.room_id, room.epoch, room.offset)
        if history is not None and history.after <= room.offset and all(room.take(fold) for fold in history.folds):
            self.pace.schedule(room)
            return
        everyone = [viewer for viewer in room.feeds if viewer not in room.joining]
        await self._push_snapshot(room, everyone, moves_room=True)

    async def _push_snapshot(self, room: Room, viewers: Sequence[Viewer], *, moves_room: bool) -> None:
        """Give these viewers a snapshot instead of what they lack; what comes meanwhile is kept for them.

        ``moves_room`` puts the room itself at the snapshot's place: its history does not reach back to where it was.
        """
        held, moves = [(viewer, room.hold(viewer)) for viewer in viewers if viewer in room.feeds], room.moves
        try:
            view, count = await (self._door.snap_alone(room) if moves_room else self._door.snap(room))
        except BaseException:
            self._door.put_off(room, held)
            raise
        if moves_room:
            room.move(view.epoch, view.offset, view.totals, view.marks)
            # Who was let in meanwhile stood where the room stood before.
            held += [(viewer, room.hold(viewer)) for viewer in room.feeds.keys() - room.joining]
            moves = room.moves
        largest = 0
        for start in range(0, len(held), self._chunk_viewers):
            if room.moves != moves:
                self._door.put_off(room, held[start:])  # what was read may be older than where the room was moved
                break
            largest = max(largest, self._door.push(room, held[start : start + self._chunk_viewers], view, count))
            await asyncio.sleep(0)
        room.follow_at_ms = monotonic_ms() + largest * 1_000 // SNAPSHOT_BYTES_PER_S
