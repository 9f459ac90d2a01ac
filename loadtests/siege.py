"""Hostile peers, as a program: ``python -m loadtests.siege HOST PORT SILENT SLOW FLOODING GARBAGE SEED``.

Each peer does its worst until the server closes it, and then comes again. They come from 127.0.0.1 to 127.0.0.4 where
the server is on loopback. Says ``ready`` once all have come, ends when stdin does, and then tells what happened.
"""

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable

import uvloop
from websockets.frames import Frame, Opcode

from loadtests.open_files import raise_open_files

SOURCES = 4
COME_PER_S = 500
AGAIN_S = 1.0
"""How long who was closed stays away."""
HANDSHAKE = (
    b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
FLOOD = Frame(Opcode.PING, b"x").serialize(mask=True) * 20 + Frame(Opcode.TEXT, b"{").serialize(mask=True) * 5

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Say nothing."""
    await reader.read()


async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let a request's head come a line a second."""
    writer.write(b"GET /v1/ws HTTP/1.1\r\n")
    while not (reader.at_eof() or writer.is_closing()):
        writer.write(b"X-Slow: 1\r\n")
        await writer.drain()
        await asyncio.sleep(1)


async def flooding(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Shake hands, and then send pings and frames that are no commands without end."""
    writer.write(HANDSHAKE)
    await reader.readuntil(b"\r\n\r\n")
    while not (reader.at_eof() or writer.is_closing()):
        writer.write(FLOOD)
        await writer.drain()
        await reader.read(65_536)


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send what is no request, and wait."""
    writer.write(random.randbytes(1_000))
    await reader.read()


KINDS: tuple[Peer, ...] = (silent, slow, flooding, garbage)


async def come_again(
    peer: Peer, number: int, host: str, port: int, told: Counter[str], came: asyncio.Semaphore
) -> None:
    """Be one peer for ever."""
    name = getattr(peer, "__name__", "peer")
    source = (f"127.0.0.{1 + number % SOURCES}", 0) if host.startswith("127.") else None
    is_first = True
    while True:
        try:
            reader, writer = await asyncio.open_connection(host, port, local_addr=source)
        except OSError:
            told[f"{name}_refused"] += 1
            await asyncio.sleep(AGAIN_S)
            continue
        told[f"{name}_came"] += 1
        if is_first:
            is_first = False
            came.release()
        try:
            await peer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            told[f"{name}_reset"] += 1
        finally:
            writer.transport.abort()
        told[f"{name}_closed"] += 1
        await asyncio.sleep(AGAIN_S * (1 + random.random()))


async def main(host: str, port: int, counts: list[int], seed: int) -> None:
    """Let all of them come, and go when stdin ends."""
    random.seed(seed)
    told, came = Counter[str](), asyncio.Semaphore(0)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, lambda: ended.set() if not sys.stdin.read(1) else None)
    peers = [kind for kind, count in zip(KINDS, counts, strict=True) for _ in range(count)]
    random.shuffle(peers)
    async with asyncio.TaskGroup() as group:
        tasks = []
        for number, peer in enumerate(peers):
            tasks.append(group.create_task(come_again(peer, number, host, port, told, came)))
            await asyncio.sleep(1 / COME_PER_S)
        for _ in peers:
            await came.acquire()
        print("ready", flush=True)
        await ended.wait()
        for task in tasks:
            task.cancel()
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    raise_open_files()
    words = [int(word) for word in sys.argv[2:]]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], words[0], words[1:5], words[5]))
