"""Gifts that were accepted and whose settlement their senders wait for: one ring a partition, in order of seq.

A gift is settled only by a mark of the epoch that accepted it. When an epoch has ended, what is left in its ring
may or may not have reached the book: it is submitted again, in order and as decided the first time. ``replayed``
then says that it stands in the book; ``accepted`` that it was lost with the engine and has been done anew.
"""

from bisect import insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from livegift.ledger.charge import Charge

W = TypeVar("W")


@dataclass(slots=True, eq=False)
class Waiting(Generic[W]):
    """An accepted gift and who waits for it."""

    epoch: int
    seq: int
    charge: Charge
    whom: W


class Ring(Generic[W]):
    """The unsettled gifts of one partition."""

    def __init__(
        self, settle: Callable[[list[Waiting[W]]], None], resubmit: Callable[[list[Waiting[W]]], None]
    ) -> None:
        self._settle = settle
        self._resubmit = resubmit
        self._rings: dict[int, deque[Waiting[W]]] = {}
        self._epoch = 0
        self._mark = 0

    def __len__(self) -> int:
        return sum(len(ring) for ring in self._rings.values())

    def add(self, waiting: Waiting[W]) -> None:
        """Wait for a gift; if the mark has passed it already it is settled now."""
        if waiting.epoch == self._epoch and waiting.seq <= self._mark:
            self._settle([waiting])
            return
        if waiting.epoch < self._epoch:
            self._resubmit([waiting])
            return
        ring = self._rings.setdefault(waiting.epoch, deque())
        if not ring or ring[-1].seq <= waiting.seq:
            ring.append(waiting)
            return
        # A receipt asked for again is older than what stands here: it takes its place by seq.
        insort(ring, waiting, key=lambda one: one.seq)

    def advance(self, epoch: int, mark: int) -> None:
        """Take note of how far the book has got, in which epoch; older news are ignored."""
        if (epoch, mark) <= (self._epoch, self._mark):
            return
        self._epoch, self._mark = epoch, mark
        ring = self._rings.get(epoch)
        settled = []
        while ring and ring[0].seq <= mark:
            settled.append(ring.popleft())
        if ring is not None and not ring:
            del self._rings[epoch]
        if settled:
            self._settle(settled)
        for older in sorted(past for past in self._rings if past < epoch):
            self._resubmit(list(self._rings.pop(older)))
