"""How the hub reads stored rooms."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from livegift.domain.cursor import Marks
from livegift.domain.headcount import Sample
from livegift.hub.frames import Seal
from livegift.wire.folds import History, MarkedFact, RoomView


@dataclass(frozen=True, slots=True)
class Rooms:
    """How to read rooms; given by whoever puts the process together, so that the hub knows no room scripts."""

    channel: Callable[[str], str]
    view: Callable[[str], Awaitable[RoomView | None]]
    since: Callable[[str, str, int], Awaitable[History | None]]
    missed: Callable[[str, Marks, Marks], AsyncIterator[list[MarkedFact]]]
    """A room's gifts beyond the first marks and up to the second, from the book, in pages."""
    positions: Callable[[list[str]], Awaitable[dict[str, tuple[str, int]]]]
    count_viewers: Callable[[str, Mapping[str, Sample]], Awaitable[None]]
    """(worker, who is in each of these rooms): an empty sample takes the worker out of the room."""
    viewers: Callable[[Sequence[str]], Awaitable[dict[str, int]]]
    seal: Seal
