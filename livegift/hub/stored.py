"""How the hub reads stored rooms."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from livegift.domain.headcount import Sample
from livegift.wire.folds import History, RoomView


@dataclass(frozen=True, slots=True)
class Rooms:
    """How to read rooms; given by whoever puts the process together, so that the hub knows no room scripts."""

    channel: Callable[[str], str]
    view: Callable[[str], Awaitable[RoomView | None]]
    since: Callable[[str, str, int], Awaitable[History | None]]
    positions: Callable[[list[str]], Awaitable[dict[str, tuple[str, int]]]]
    count_viewers: Callable[[str, Mapping[str, Sample]], Awaitable[None]]
    """(worker, who is in each of these rooms): an empty sample takes the worker out of the room."""
    viewers: Callable[[Sequence[str]], Awaitable[dict[str, int]]]
