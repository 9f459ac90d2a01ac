"""Saying in time that a route will go: the headers Deprecation (RFC 9745) and Sunset (RFC 8594)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """Since when a route is deprecated, when it will go, and a page that says what to use instead."""

    since: datetime
    sunset: datetime
    link: str

    def __post_init__(self) -> None:
        assert self.since.tzinfo is not None, "since needs a zone"
        assert self.sunset.tzinfo is not None, "sunset needs a zone"
        assert self.since < self.sunset, "a route is deprecated before it goes"

    def headers(self) -> dict[str, str]:
        """Return the headers that each of its good answers carries."""
        return {
            "Deprecation": f"@{int(self.since.timestamp())}",
            "Sunset": format_datetime(self.sunset.astimezone(UTC), usegmt=True),
            "Link": f'<{self.link}>; rel="deprecation"; type="text/html"',
        }
