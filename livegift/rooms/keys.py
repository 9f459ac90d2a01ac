"""Names of a room's keys: all in the room's own slot, all deleted together."""


class RoomKeys:
    """Key names of one deployment and incarnation."""

    def __init__(self, prefix: str, incarnation: int) -> None:
        self._prefix = f"{prefix}{incarnation}:"

    def _slot(self, room_id: str) -> str:
        return f"{self._prefix}{{r:{room_id}}}:"

    def all(self, room_id: str) -> list[str]:
        """Return a room's keys in the order that every room script declares them."""
        slot = self._slot(room_id)
        return [slot + name for name in ("state", "top", "names", "anonymous", "combos", "due", "frames")]

    def viewers(self, room_id: str) -> str:
        """HASH: worker -> when it said so, and a sample of its people; no part of the room's sequence."""
        return self._slot(room_id) + "viewers"

    def channel(self, room_id: str) -> str:
        """Channel on which folds are published."""
        return self._slot(room_id) + "folds"
