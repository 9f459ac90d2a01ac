"""A hub that writes to real sockets: who reads slowly skips frames and gets a snapshot, and nobody else notices."""

import asyncio
import socket
from typing import Any

from livegift.edge.outlet import Outlet
from livegift.hub.hub import Hub
from livegift.wire.codec import JSON, Codec
from tests.hub_world import BUFFER_BYTES_MAX, ROOM, Stored, hub_of, messages_in
from tests.world import until

BUFFER_BYTES = 4_608


class Viewer(Outlet):
    """As much of a connection as the hub knows of."""

    codec: Codec = JSON
    person = "somebody"

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self._hub = hub

    def write(self, frame: bytes) -> None:
        self.put(frame)

    def offer(self, frames: bytes, unsent_bytes_max: int) -> bool:
        if self.unsent_bytes() > unsent_bytes_max:
            return False
        self.put(frames)
        return True

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._hub.lags(self, (ROOM,)):
            asyncio.get_running_loop().create_task(self._hub.caught_up(self, (ROOM,)))

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._hub.leave(self, ROOM)

    def close(self, code: int, reason: str) -> None:
        raise AssertionError(f"closed with {code}")


async def enter(hub: Hub) -> tuple[Viewer, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        peer.connect(server.getsockname())
        ours, _ = server.accept()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
    peer.setblocking(False)
    _, viewer = await asyncio.get_running_loop().connect_accepted_socket(lambda: Viewer(hub), ours)
    await hub.join(viewer, ROOM, "viewer", None, 1)
    return viewer, peer


class Reader:
    """A peer: what it has read, and which offsets it was shown."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        self._bytes = b""

    def read(self) -> list[dict[str, Any]]:
        try:
            while True:
                self._bytes += self._peer.recv(65_536)
        except BlockingIOError:
            return messages_in(self._bytes)

    def shown(self) -> list[int | str]:
        found: list[int | str] = []
        for message in self.read():
            found += [f"@{message['offset']}"] if message.get("snapshot") else []
            found += [event["offset"] for event in message.get("events", [])]
        return found


async def test_a_viewer_that_stops_reading_skips_and_is_told_where_it_stands() -> None:
    stored = Stored()
    hub = hub_of(stored)
    running = asyncio.create_task(hub.run())
    slow, slow_peer = await enter(hub)
    quick, quick_peer = await enter(hub)
    gone, gone_peer = await enter(hub)
    slow_reader, quick_reader = Reader(slow_peer), Reader(quick_peer)
    gone_peer.close()
    while not hub.lags(slow, (ROOM,)):
        hub.take(ROOM, stored.publish(20))
        await asyncio.sleep(0.001)
        quick_reader.read()
    hub.take(ROOM, stored.publish(20))  # which the slow one skips
    assert slow.unsent_bytes() > BUFFER_BYTES_MAX
    assert not hub.lags(quick, (ROOM,))
    await until(lambda: slow_reader.read() is not None and not hub.lags(slow, (ROOM,)))
    hub.take(ROOM, stored.publish())
    last = stored.offset
    await until(lambda: slow_reader.shown()[-1] == last and quick_reader.shown()[-1] == last)
    assert quick_reader.shown() == ["@0", *range(1, last + 1)]
    shown = slow_reader.shown()
    at = shown.index(f"@{last - 1}")
    assert shown[:at] == ["@0", *range(1, at)]
    assert shown[at:] == [f"@{last - 1}", last]
    assert gone not in hub._rooms[ROOM].feeds
    for viewer, peer in ((slow, slow_peer), (quick, quick_peer)):
        viewer._abort()
        peer.close()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
