"""What a process tells the outside: JSON logs on stderr, and counters that cost an integer addition.

Hot paths count with plain ints (``Counters.add``); nothing of Prometheus runs there. Once a second a process
hands its numbers to the supervisor (``lifeline.py``), which renders all of them at scrape with ``ProcessCollector``.
Names follow Prometheus: ``*_total`` only grows, everything else is a gauge; units stand at the end.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

import orjson
import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

PREFIX = "livegift_"

DECLARED: dict[str, str] = {}
"""Help text of every name declared in this process; reported with the numbers, so that /metrics can explain them."""


class Counters:
    """Numbers of one part of a process, declared with their help text: ``Counters(gifts_total="Gifts that …")``.

    An undeclared name is a bug and raises ``KeyError``. ``values`` may be read at any time.
    """

    __slots__ = ("values",)

    def __init__(self, **helps: str) -> None:
        self.values: dict[str, float] = dict.fromkeys(helps, 0)
        DECLARED.update(helps)

    def add(self, name: str, n: int = 1) -> None:
        """Count ``n`` more of ``name``."""
        self.values[name] += n

    def set(self, name: str, value: float) -> None:
        """Set the gauge ``name``."""
        if name not in self.values:
            raise KeyError(name)
        self.values[name] = value


@dataclass(slots=True)
class ProcessReport:
    """What one process said last: its numbers and what they mean."""

    role: str
    index: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    helps: Mapping[str, str] = field(default_factory=dict)


class ProcessCollector(Collector):
    """Renders the reports of all processes, labelled ``role`` and ``index``, at each scrape."""

    def __init__(self, reports: Callable[[], Iterable[ProcessReport]]) -> None:
        self._reports = reports

    def describe(self) -> Iterable[Metric]:
        """Promise nothing: what there is to render is only known once processes have reported."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield one family a name, with a sample for every process that reported it."""
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for report in self._reports():
            labels = [report.role, str(report.index)]
            for name, value in report.metrics.items():
                if name not in families:
                    kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
                    families[name] = kind(PREFIX + name, report.helps.get(name, name), labels=("role", "index"))
                families[name].add_metric(labels, value)
        yield from families.values()


def _dumps(event: Any, default: Callable[[Any], Any] | None = None, **_: Any) -> str:
    return orjson.dumps(event, default=default, option=orjson.OPT_NON_STR_KEYS).decode()


class _Stderr:
    """Writes to whatever ``sys.stderr`` is now: a stream bound once would outlive its redirection."""

    def __call__(self, *_: Any) -> structlog.WriteLogger:
        stream: TextIO = sys.stderr
        return structlog.WriteLogger(stream)


def configure_logs(level: str, role: str) -> None:
    """Send structlog and stdlib records of at least ``level`` to stderr as JSON lines that carry ``role``.

    ``level`` is debug, info, warning or error; anything else raises ``KeyError``.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    render = structlog.processors.JSONRenderer(serializer=_dumps)
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=_Stderr(),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(role=role)

    # Libraries (uvicorn, asyncio) speak stdlib logging: the same lines, the same stream.
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                render,
            ],
        )
    )
    logging.basicConfig(level=threshold, handlers=[handler], force=True)
