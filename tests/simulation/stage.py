"""What worlds are set up on: an engine, and a book to copy, both in memory where the machine has a folder for that."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from livegift.ledger.embedded import EmbeddedServer
from tests.simulation.engine import Engine
from tests.simulation.world import Template, make_template


@dataclass(frozen=True, slots=True)
class Stage:
    """Used by one world after the other."""

    engine: Engine
    template: Template


@contextmanager
def stage(store: str) -> Iterator[Stage]:
    """Start an engine and prepare a book; both are gone at the end."""
    assert store == "sqlite"
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="livegift-sim-", dir=memory if memory.is_dir() else None) as name:
        server = EmbeddedServer(Path(name) / "engine")
        asyncio.run(server.start())
        engine = Engine(server.url.removeprefix("unix://"))
        try:
            yield Stage(engine, make_template(Path(name)))
        finally:
            engine.close()
            asyncio.run(server.stop())
