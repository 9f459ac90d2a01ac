"""The scripted server's socket: opens, offers both subprotocols, and hands each connection to the present trial."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import NegotiationError
from websockets.typing import Subprotocol

from livegift.conformance.peer import Peer
from livegift.conformance.trial import Trial
from livegift.wire.codec import CODECS, JSON

HOST = "127.0.0.1"


class Stage:
    """Where the trials take place, one after the other."""

    def __init__(self) -> None:
        self.trial: Trial | None = None

    async def receive(self, socket: ServerConnection) -> None:
        """Live through one connection."""
        trial = self.trial
        if trial is None:  # a client that was told to leave has come back once more; nobody is interested
            return
        codec = CODECS[socket.subprotocol or JSON.subprotocol]
        peer = Peer(socket, codec, server_ms=trial.server_ms)
        trial.peers.append(peer)
        await peer.live(trial.note)


def _choose(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """As the real server: the client's first that is known, JSON without any."""
    if not offered:
        return None
    known = next((name for name in offered if name in CODECS), None)
    if known is None:
        raise NegotiationError(f"offers {', '.join(offered)}; known are {', '.join(CODECS)}")
    return known


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[Stage, str]]:
    """Listen on a free port of this machine; yields the stage and the WebSocket's address."""
    stage = Stage()
    logger = logging.getLogger("livegift.conformance")
    logger.setLevel(logging.CRITICAL)  # a client that leaves amid a handshake is no news here
    async with serve(
        stage.receive, HOST, 0, select_subprotocol=_choose, compression=None, ping_interval=None, logger=logger
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield stage, f"ws://{HOST}:{port}/v1/ws"
