"""What the demo starts with: two live rooms and their creators."""

from typing import NamedTuple


class DemoRoom(NamedTuple):
    """A seeded room and who streams in it."""

    room_id: str
    title: str
    creator_id: str
    creator_name: str


DEMO_ROOMS = (
    DemoRoom("r1", "Late-night piano requests", "luna", "Luna"),
    DemoRoom("r2", "Cooking ramen from scratch", "kenji", "Kenji"),
)
