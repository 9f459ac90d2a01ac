"""How the hub reads stored rooms."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from livegift.wire.folds import History, RoomView


@dataclass(frozen=True, slots=True)
class Rooms:
    """How to read rooms; given by whoever puts the process together, so that the hub knows no room scripts."""

    channel: Callable[[str], str]
    view: Callable[[str], Awaitable[RoomView | None]]
    since: Callable[[str, str, int], Awaitable[History | None]]
    positions: Callable[[list[str]], Awaitable[dict[str, tuple[str, int]]]]
    count_viewers: Callable[[str, str, int], Awaitable[None]]
    viewers: Callable[[str], Awaitable[int]]
