"""The Autobahn cases against our connection: handshake, frames, fragments, UTF-8, control frames, closing.

The cases want a server that sends back what it is sent, so a command here is whatever came and its reply the same;
all else is the connection as it is in an edge, but for the limit of a frame and the path. Compression we don't offer.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import kosoku
import pytest
from websockets.frames import Frame, Opcode

from livegift.clock import monotonic_ms
from livegift.config import Config
from livegift.edge import connection, handshake
from livegift.edge.limits import Limits
from livegift.edge.process import make_counters
from livegift.edge.turnstile import Turnstile
from livegift.edge.wheel import Wheel
from livegift.hub.frames import framed
from livegift.wire.codec import Codec
from livegift.wire.session import Effect, Reply

MIB = 2**20
COMPRESSION = ["12.*", "13.*"]
CLOSE_AMID_A_MESSAGE = "7.1.5"
"""The case wants 1000 in answer to a close that comes before a message's last fragment. websockets answers 1002."""
CASES = 300
"""How many are left; fewer would be a run that has not tried everything."""


def _echo(*, is_text: bool) -> Codec:
    def decode(data: bytes) -> Any:
        return codec, data

    codec = Codec("echo", is_text, lambda message: message, decode)  # type: ignore[arg-type, return-value]
    return codec


ECHO = {Opcode.TEXT: _echo(is_text=True), Opcode.BINARY: _echo(is_text=False)}


class EchoSession:
    def receive(self, command: Any, *, now_ms: int) -> list[Effect]:
        return [Reply(command)]


class EchoConnection(connection.Connection):
    """Takes frames of both kinds and answers each message with itself."""

    def _handshake(self) -> bool:
        is_wanted = super()._handshake()
        if self._session is not None:
            self._session = EchoSession()  # type: ignore[assignment]
        return is_wanted

    def _take_frame(self, frame: Frame) -> None:
        self.codec = ECHO.get(frame.opcode, self.codec)
        super()._take_frame(frame)

    def send(self, message: Any) -> None:
        codec, data = message
        self.write(framed(codec, data))


@asynccontextmanager
async def echoing() -> AsyncIterator[str]:
    """Serve such connections; gives the address."""
    async with asyncio.TaskGroup() as tasks:
        context = SimpleNamespace(
            config=dataclasses.replace(Config(), frame_bytes_max=17 * MIB, connect_ms=600_000),
            wheel=Wheel(monotonic_ms()),
            counters=make_counters(),
            connections=set(),
            turnstile=Turnstile(),
            limits=Limits(Config(frames_per_s=0)),
            is_draining=False,
            hub=SimpleNamespace(leave=lambda *_: None, lags=lambda *_: False),
            spawn=tasks.create_task,
        )
        made = type("Bound", (EchoConnection,), {"context": context})
        server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
        turning = tasks.create_task(context.wheel.run())
        host, port = server.sockets[0].getsockname()
        try:
            yield f"{host}:{port}"
        finally:
            server.close()
            turning.cancel()
        assert context.counters.values["commands_failed_total"] == 0


async def run(monkeypatch: pytest.MonkeyPatch, *, cases: list[str], exclude: list[str]) -> list[Any]:
    """Return each case's result, whether it passed or not."""
    monkeypatch.setattr(handshake, "PATH", "/")
    async with echoing() as address:
        try:
            return await kosoku.run_fuzzingclient(f"ws://{address}", cases, exclude)
        except kosoku.FailureError as failure:
            return failure.results


async def test_the_cases_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    results = await run(monkeypatch, cases=["*"], exclude=[*COMPRESSION, CLOSE_AMID_A_MESSAGE])
    failed = [f"{one.case_id}: {one.result} {one.result_close}" for one in results if not one.passed]
    assert (failed, len(results)) == ([], CASES)


async def test_a_close_amid_a_message_is_a_protocol_error_to_us(monkeypatch: pytest.MonkeyPatch) -> None:
    [result] = await run(monkeypatch, cases=[CLOSE_AMID_A_MESSAGE], exclude=[])
    assert (result.was_clean, result.remote_close_code) == (True, 1002)
