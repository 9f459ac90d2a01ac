"""What several contract tests begin with."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.party import Party
from tests.world import World


@pytest.fixture
async def party(valkey: str, tmp_path: Path, store: str) -> AsyncIterator[Party]:
    world = await World.made(valkey, tmp_path, store=store, send_deadline_ms=3_000)
    party = Party(world)
    await party.begin()
    yield party
    await world.close()
