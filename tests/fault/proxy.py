"""A Valkey whose replies get lost: the request arrived and was carried out, but nobody hears of it.

The proxy takes the place of the server's own socket file for a while. Whoever is connected is cut off and comes
back through it; at the end the file is put back, and they are cut off once more.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fault.server import Server

CHUNK_BYTES = 262_144


class LossyProxy:
    """Passes everything on, but drops ``share`` of the replies together with their connection."""

    def __init__(self, upstream: Path, *, share: float, chance: random.Random) -> None:
        self.lost = 0
        self._upstream = upstream
        self._share = share
        self._chance = chance
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it, or a reply is lost."""
        up_reader, up_writer = await asyncio.open_unix_connection(str(self._upstream))
        both = {writer, up_writer}
        self._writers |= both
        doomed = asyncio.Event()

        async def up() -> None:
            while data := await reader.read(CHUNK_BYTES):
                if self._chance.random() < self._share:
                    doomed.set()
                up_writer.write(data)

        async def down() -> None:
            while data := await up_reader.read(CHUNK_BYTES):
                if doomed.is_set():  # carried out, answered, and lost
                    self.lost += 1
                    return
                writer.write(data)

        pumps = [asyncio.ensure_future(up()), asyncio.ensure_future(down())]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._writers -= both
            for one in both:
                one.transport.abort()

    def hang_up(self) -> None:
        """Cut everyone off."""
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def losing_replies(server: Server, *, share: float, chance: random.Random) -> AsyncIterator[LossyProxy]:
    """Let the server talk to its Valkey through a lossy proxy while the block lasts."""
    path = server.redis_socket
    aside = path.with_suffix(".real")
    path.rename(aside)
    proxy = LossyProxy(aside, share=share, chance=chance)
    listener = await asyncio.start_unix_server(proxy.serve, str(path))
    try:
        await _cut_off(aside)
        yield proxy
    finally:
        aside.rename(path)  # replaces the proxy's socket at once: nobody finds none
        listener.close()
        proxy.hang_up()


async def _cut_off(socket: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(str(socket))
    try:
        for kind in (b"normal", b"pubsub"):
            writer.write(b"CLIENT KILL TYPE " + kind + b"\r\n")
            await reader.readline()
    finally:
        writer.transport.abort()
