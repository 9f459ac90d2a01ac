"""A moment in a run at which something was done to the server, and how long no gift sent after it was seen. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class Mark:
    """``at_ms`` counts from the start of the load; ``seen_after_ms`` is None until a gift sent later is seen."""

    name: str
    at_ms: float
    seen_after_ms: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still waits for a gift."""
        return self.seen_after_ms is None

    def note(self, *, sent_ms: float, at_ms: float) -> None:
        """Somebody saw, at ``at_ms``, a gift planned for ``sent_ms``; the first one after the mark counts."""
        if self.is_open and sent_ms >= self.at_ms:
            self.seen_after_ms = at_ms - self.at_ms
