"""A histogram with logarithmic buckets: any number of latencies in constant memory, each within 0.8 %. Pure.

The layout is HdrHistogram's: values below 128 µs have a bucket each; above, every power of two is cut into 128.
A percentile is the upper edge of its bucket, so it is never flattering. There is no mean: it hides what hurts.
"""

SUB_BITS = 7
SUB = 1 << SUB_BITS
QUANTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}


class Histogram:
    """Counts of durations. Recorded and reported in milliseconds, kept in whole microseconds."""

    def __init__(self) -> None:
        self.count = 0
        self._max_us = 0
        self._counts: list[int] = [0] * SUB

    def record(self, duration_ms: float) -> None:
        """Count one duration; below zero (clock granularity) counts as zero."""
        value_us = max(0, round(duration_ms * 1_000))
        at = _bucket(value_us)
        if at >= len(self._counts):
            self._counts.extend([0] * (at + 1 - len(self._counts)))
        self._counts[at] += 1
        self.count += 1
        self._max_us = max(self._max_us, value_us)

    def percentile(self, quantile: float) -> float | None:
        """Return the smallest value that at least ``quantile`` (0 < q ≤ 1) of all don't exceed; None if empty."""
        rank = max(1, -int(-quantile * self.count // 1))
        passed = 0
        for at, count in enumerate(self._counts):
            passed += count
            if count and passed >= rank:
                return min(_upper_us(at), self._max_us) / 1_000
        return None

    def summary(self) -> dict[str, float | None]:
        """Return p50, p99, p999 and max in milliseconds; all None if empty."""
        figures = {name: self.percentile(quantile) for name, quantile in QUANTILES.items()}
        return {**figures, "max": self._max_us / 1_000 if self.count else None}


def _bucket(value_us: int) -> int:
    if value_us < SUB:
        return value_us
    shift = value_us.bit_length() - SUB_BITS - 1
    return (shift << SUB_BITS) + (value_us >> shift)


def _upper_us(at: int) -> int:
    if at < 2 * SUB:
        return at
    shift = (at >> SUB_BITS) - 1
    return (((at & (SUB - 1)) + SUB + 1) << shift) - 1
