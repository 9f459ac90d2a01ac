"""What every scenario is asked for, said once."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtests.steady import Steady

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(slots=True, kw_only=True)
class Load:
    """A load. ``rate`` is gifts a second in all rooms together.

    ``processes``: how many the viewers who don't gift are spread over, as followers; with 0 they live in this one, and
    follow by the SDK. Senders always live here, so the seed gives the same gifts however many processes there are.
    ``data``: the server's data directory, on this machine, for the audit and for what its processes use.
    ``began`` is told of each run of gifts when it begins, ``progress`` what is being done.
    """

    url: str
    viewers: int
    senders: int
    rate: float
    seconds: float
    seed: int
    processes: int = 0
    data: Path | None = None
    progress: Progress = lambda what, done, total: None
    began: Callable[["Steady"], None] = lambda run: None
