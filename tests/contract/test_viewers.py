"""Counting people in a real Valkey: over workers, each once; who has died is forgotten, and removed in the end."""

from collections.abc import AsyncIterator

import pytest

from livegift.domain.headcount import Headcount, Sample, person_hash
from livegift.engine import Client, connect
from livegift.rooms import reader
from livegift.rooms.keys import RoomKeys
from livegift.rooms.reader import VIEWERS_BELIEVED_MS, VIEWERS_KEPT_MS, RoomReader


@pytest.fixture
async def client(valkey: str) -> AsyncIterator[Client]:
    client = connect(valkey, timeout_ms=2_000)
    yield client
    await client.aclose()


def sample(first: int, last: int) -> Sample:
    heads = Headcount()
    for number in range(first, last):
        heads.enter(person_hash(f"user-{number}"))
    return heads.sample()


async def test_people_are_counted_once_over_workers_and_the_dead_are_forgotten(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000_000]
    monkeypatch.setattr(reader, "now_ms", lambda: now[0])
    keys = RoomKeys("count:", 1)
    rooms = RoomReader(client, keys, top_max=10)
    await rooms.count_viewers("a", {"r1": sample(0, 10), "r2": sample(0, 1)})
    await rooms.count_viewers("b", {"r1": sample(5, 15)})
    assert await rooms.viewers(["r1", "r2", "r3"]) == {"r1": 15, "r2": 1, "r3": 0}
    now[0] += VIEWERS_BELIEVED_MS + 1
    await rooms.count_viewers("b", {"r1": sample(5, 12)})
    assert await rooms.viewers(["r1", "r2"]) == {"r1": 7, "r2": 0}  # a has died
    assert await client.hlen(keys.viewers("r1")) == 2
    now[0] += VIEWERS_KEPT_MS + 1
    await rooms.viewers(["r1", "r2"])
    assert await client.exists(keys.viewers("r1"), keys.viewers("r2")) == 0
    await rooms.count_viewers("a", {"r1": sample(0, 3)})
    await rooms.count_viewers("a", {"r1": Sample(0, ())})
    assert await rooms.viewers(["r1"]) == {"r1": 0}
    assert await rooms.viewers([]) == {}
