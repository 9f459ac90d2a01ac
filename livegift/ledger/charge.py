"""One gift on its way through ``gift.lua``, and what came of it."""

import asyncio
from dataclasses import dataclass
from typing import NamedTuple


class Outcome(NamedTuple):
    """The script's answer for one gift. ``tag``: see ``gift.lua``; figures that a tag doesn't have are 0.

    ``epoch``, ``seq`` and ``balance`` are those of the receipt; ``mark`` is how far the book had got in
    ``now_epoch``, the partition's epoch at the time; ``now_ms`` is the partition's clock.
    """

    tag: str
    epoch: int
    seq: int
    balance: int
    now_epoch: int
    mark: int
    now_ms: int

    @property
    def is_settled(self) -> bool:
        """Tell whether a receipt's gift stood in the book: ids of older epochs were loaded from it."""
        return self.epoch != self.now_epoch or self.seq <= self.mark


@dataclass(slots=True, eq=False)
class Charge:
    """A gift to be charged. ``refusal``: a code the edge decided, answered only if the id is not known already."""

    sender_id: str
    receiver_id: str | None
    gift_id: str
    gift_ms: int
    digest: str
    coins: int
    refusal: str
    payload: bytes
    deadline_ms: int
    """Monotonic; beyond it the charge is not tried any more."""
    answer: asyncio.Future[Outcome]
