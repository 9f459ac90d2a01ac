"""What most would write first: a Starlette endpoint, and a loop that awaits ``send_text`` for each viewer.

``python -m tests.bench.naive PORT EVENT_BYTES RATE BURST SECONDS`` does what ``limit.c`` does, with one frame a send.
"""

import asyncio
import json
import sys
import time

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

viewers: set[WebSocket] = set()


async def endpoint(socket: WebSocket) -> None:
    await socket.accept()
    viewers.add(socket)
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        viewers.discard(socket)


async def fan_out(event_bytes: int, rate: float, burst: int, seconds: float) -> None:
    start_ns, before_ns, deliveries = time.monotonic_ns(), time.process_time_ns(), 0
    for number in range(int(rate * seconds)):
        planned_ns = start_ns + int(number / rate * 1e9)
        await asyncio.sleep(max(0.0, (planned_ns - time.monotonic_ns()) / 1e9))
        for place in range(burst):
            text = f'{{"event_id":"{place % 10}","t":"t={planned_ns:020}"}}'.ljust(event_bytes)
            for viewer in list(viewers):
                await viewer.send_text(text)
                deliveries += 1
    cpu_us = (time.process_time_ns() - before_ns) / 1_000
    print(json.dumps({"cpu_us": cpu_us, "deliveries": deliveries, "short_sends": 0}), flush=True)


async def main(port: int, event_bytes: int, rate: float, burst: int, seconds: float) -> None:
    app = Starlette(routes=[WebSocketRoute("/v1/ws", endpoint)])
    config = uvicorn.Config(
        app,
        port=port,
        log_level="error",
        lifespan="off",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while not server.started:  # noqa: ASYNC110 - uvicorn has nothing to wait for
        await asyncio.sleep(0.02)
    print("ready", flush=True)
    if await lines.readline():
        await fan_out(event_bytes, rate, burst, seconds)
        await lines.read()
    server.should_exit = server.force_exit = True
    await serving


if __name__ == "__main__":
    words = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(words[0]), int(words[1]), float(words[2]), int(words[3]), float(words[4])))
