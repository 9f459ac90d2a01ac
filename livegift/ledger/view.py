"""What a process believes about a partition: epoch, generation and owner, named in every script call.

A wrong belief is harmless: the script answers ``fenced`` and the belief is read again.
"""

from dataclasses import dataclass
from typing import Any

from livegift.engine import Client, faults
from livegift.ledger.keys import LedgerKeys


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
        found: Any = await client.hmget(keys.meta(partition), ["partitions", "epoch", "generation", "owner"])
    if any(value is None for value in found):
        return None
    partitions, epoch, generation, owner = (value.decode() for value in found)
    return PartitionView(int(partitions), int(epoch), int(generation), owner)
