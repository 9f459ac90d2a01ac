"""What the server said of itself: the one thing that a run takes from its log is what should never stand there.

A process that ended by itself, a partition that stopped, a bug that was caught at a border: users may have noticed
nothing of it, and it is wrong all the same.
"""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NEVER = ("process_failed", "partition_stopped", "room_state_dropped", "command_failed", "connection_failed")


def unexpected(path: Path) -> list[str]:
    """Return what should not stand in the log, in sentences."""
    found: Counter[str] = Counter()
    for said in _lines(path):
        event = said.get("event")
        if event in NEVER:
            found[f"{said.get('role')} said {event}: {str(said.get('why') or said.get('exception'))[-300:]}"] += 1
        elif event == "child_died" and said.get("status") != -signal.SIGKILL:
            found[f"{said.get('child')} died by itself with {said.get('status')}"] += 1
    return [f"{sentence} ({count} times)" for sentence, count in found.items()]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:  # cut off by the kill
                continue
