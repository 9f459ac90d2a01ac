"""Memory of an idle connection: connected with a token and following a room, saying nothing."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from websockets.frames import Frame, Opcode

from livegift.identity.own import mint
from livegift.identity.secret import load_secret
from tests.bench.processes import rss_kb, serving

UPGRADE = (
    b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: livegift.v1.json\r\n\r\n"
)
AT_ONCE = 50


def _command(**fields: object) -> bytes:
    return bytes(Frame(Opcode.TEXT, json.dumps(fields).encode()).serialize(mask=True))


async def run(folder: Path, *, connections: int, subscribe: bool) -> dict[str, Any]:
    """Open so many connections to one edge and weigh it before and after."""
    data = folder / "data"
    async with serving(data) as server:
        url = server.url
        host, port = url.removeprefix("http://").split(":")
        (edge,) = (p["pid"] for p in (await server.status())["processes"] if p["role"] == "edge")
        secret = load_secret(data / "secret.key")
        gate = asyncio.Semaphore(AT_ONCE)
        writers: list[asyncio.StreamWriter] = []

        async def open_one(number: int) -> None:
            async with gate:
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(UPGRADE)
                await reader.readuntil(b"\r\n\r\n")
                writer.write(_command(type="connect", id=1, token=mint(secret, f"u{number}", "Idle", "viewer", 3600)))
                await reader.readuntil(b'"ping_ms"')
                if subscribe:
                    writer.write(_command(type="subscribe", id=2, room="r1"))
                    await reader.readuntil(b'"viewers"')
                writers.append(writer)

        await asyncio.gather(*(open_one(-number) for number in range(1, 201)))  # warm: code, pools, caches
        before, begun = rss_kb(edge), time.monotonic()
        await asyncio.gather(*(open_one(number) for number in range(connections)))
        taken = time.monotonic() - begun
        await asyncio.sleep(2)
        after = rss_kb(edge)
        for writer in writers:
            writer.transport.abort()
    return {
        "connections": connections,
        "subscribed": subscribe,
        "seconds_to_connect": round(taken, 1),
        "rss_before_kb": before,
        "rss_after_kb": after,
        "kb_per_connection": round((after - before) / connections, 2),
    }
