"""What somebody did to the deployment, as the audit log keeps it: who, what, to whom, why, and what it changed."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One line of the audit log. ``before`` and ``after`` are what JSON can hold, None where there is nothing."""

    actor: str
    """Who did it, as ``user:<id>``, ``key:<id>``, ``hook:<name>`` or ``cli``."""
    verb: str
    """What was done, as ``<noun>.<verb>``: ``room.close``, ``user.ban``, ``coins.grant``."""
    subject: str
    """To whom or what, as ``<noun>:<id>``: ``room:r1``, ``user:42``."""
    reason: str | None = None
    before: Any = None
    after: Any = None
