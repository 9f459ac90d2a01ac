"""Running sums, read twice a second, and the rates between two readings: the curves of a report.

However long a run is, its curves have at most ``READINGS_MAX`` points: when there are more, every second one goes and
the rest of the run is read half as often.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

STEP_S = 0.5
READINGS_MAX = 600
OverTime = dict[str, list[float]]
"""``at_s``, seconds from the start, and of each name the rate a second up to then; all of one length."""


class Timeline:
    """Used as one task, ``watch``, for as long as the load runs. ``read`` returns the sums."""

    def __init__(self, read: Callable[[], Mapping[str, int]]) -> None:
        self._read = read
        self._step_s = STEP_S
        self._readings: list[tuple[float, Mapping[str, int]]] = []

    async def watch(self, until: asyncio.Event) -> None:
        """Read now and again; ends within a step after ``until`` is set."""
        loop = asyncio.get_running_loop()
        start_s = due_s = loop.time()
        self.note(0.0)
        while not until.is_set():
            due_s += self._step_s
            await asyncio.sleep(due_s - loop.time())
            self.note(loop.time() - start_s)

    def note(self, at_s: float) -> None:
        """Read now, which is ``at_s`` after the start."""
        self._readings.append((at_s, self._read()))
        if len(self._readings) > READINGS_MAX:
            del self._readings[1::2]
            self._step_s *= 2

    def rates(self) -> OverTime:
        """Return the curves."""
        names = self._readings[0][1] if self._readings else ()
        curves: OverTime = {"at_s": [], **{name: [] for name in names}}
        for (then_s, before), (now_s, after) in zip(self._readings, self._readings[1:], strict=False):
            curves["at_s"].append(round(now_s, 2))
            for name in names:
                curves[name].append(round((after[name] - before[name]) / max(1e-3, now_s - then_s), 1))
        return curves


def add_up(parts: Sequence[OverTime]) -> OverTime:
    """Return the sums of curves that were begun together, as far as the shortest goes."""
    if not parts:
        return {}
    rows = {name: zip(*(part[name] for part in parts), strict=False) for name in parts[0]}
    return {name: [row[0] if name == "at_s" else round(sum(row), 1) for row in rows[name]] for name in rows}


def beside(one: OverTime, other: OverTime) -> OverTime:
    """Return the curves of both, begun together, on the clock of ``one`` and as far as the shorter goes."""
    length = min(len(one["at_s"]), len(other.get("at_s", ())))
    return {name: curve[:length] for name, curve in {**other, **one}.items()}
