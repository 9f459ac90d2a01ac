"""What a process believes about a partition: epoch, generation and owner, named in every script call.

A wrong belief is harmless: the script answers ``fenced`` and the belief is read again.
"""

from dataclasses import dataclass
from typing import Any

from livegift.engine import Client, faults
from livegift.ledger.keys import LedgerKeys

FIELDS = ["partitions", "epoch", "generation", "owner"]


@dataclass(frozen=True, slots=True)
class PartitionView:
    """A partition's identity as read from its meta."""

    partitions: int
    epoch: int
    generation: int
    owner: str


async def read_view(client: Client, keys: LedgerKeys, partition: int) -> PartitionView | None:
    """Return the partition's identity, or None if the engine holds none (new or emptied)."""
    async with faults():
        found: Any = await client.hmget(keys.meta(partition), FIELDS)
    return _view(found)


async def read_views(client: Client, keys: LedgerKeys, partitions: list[int]) -> dict[int, PartitionView]:
    """Return the identities of those partitions that the engine holds, in one round trip."""
    async with faults(), client.pipeline(transaction=False) as pipe:
        for partition in partitions:
            pipe.hmget(keys.meta(partition), FIELDS)
        found: list[Any] = await pipe.execute()
    return {p: view for p, values in zip(partitions, found, strict=True) if (view := _view(values)) is not None}


def _view(values: list[Any]) -> PartitionView | None:
    if any(value is None for value in values):
        return None
    partitions, epoch, generation, owner = (value.decode() for value in values)
    return PartitionView(int(partitions), int(epoch), int(generation), owner)
