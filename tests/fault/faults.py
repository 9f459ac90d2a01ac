"""The faults by their names in the report, and the order in which they come.

A fault returns when it is over: the process is killed, the disk has room again, the clock is right. What users see
of it from then on is the recovery that ``run.py`` measures.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from tests.fault import process_faults, storage_faults
from tests.fault.field import Strike
from tests.fault.server import ROLES


@dataclass(frozen=True)
class Fault:
    """A fault by its name in the report; ``strike`` returns how many processes it killed -9."""

    name: str
    strike: Strike
    store: str | None = None
    """The only store that it is for; None: any."""
    is_long: bool = False
    """It takes longer than a short run has time for."""
    is_kill: bool = False
    """The process was up and is down: nothing else has happened, so the next gift must be seen within 3 s."""


KILLS = (
    Fault("kill -9 valkey", process_faults.killing("valkey"), is_kill=True),
    Fault("kill -9 flusher", process_faults.killing("flusher"), is_kill=True),
    Fault("kill -9 edge", process_faults.kill_one_edge, is_kill=True),
    Fault("kill -9 valkey and flusher", process_faults.killing("valkey", "flusher"), is_kill=True),
    Fault("kill -9 all edges", process_faults.killing("edge"), is_kill=True),
    Fault("kill -9 everything but the supervisor", process_faults.killing(*ROLES), is_kill=True),
)
OTHERS = (
    Fault("power cut", process_faults.power_cut),
    Fault("SIGSTOP valkey", process_faults.stopping("valkey")),
    Fault("SIGSTOP flusher", process_faults.stopping("flusher")),
    Fault("SIGSTOP edge", process_faults.stopping("edge")),
    Fault("an edge hangs", process_faults.hanging("edge"), is_long=True),
    Fault("the flusher hangs", process_faults.hanging("flusher"), is_long=True),
    Fault("two flushers", process_faults.two_flushers),
    Fault("a flusher replaced while stopped", process_faults.replaced_while_stopped),
    Fault("kill -9 PostgreSQL", process_faults.kill_postgres, store="postgres"),
    Fault("SQL stopped", storage_faults.sql_stopped),
    Fault("SQL slow", storage_faults.sql_slow),
    Fault("SQL disk full", storage_faults.sql_disk_full),
    Fault("AOF disk full", storage_faults.aof_disk_full),
    Fault("Redis out of memory", storage_faults.out_of_memory),
    Fault("lost replies", storage_faults.lost_replies),
    Fault("a room's keys gone", storage_faults.room_keys_gone),
    Fault("clock steps ahead", storage_faults.clock_ahead),
    Fault("clock steps back", storage_faults.clock_back),
    Fault("clock off by over 2 min", storage_faults.clock_beyond),
)


def schedule(chance: random.Random, names: Sequence[str], *, kills_between: int | None) -> Iterator[Fault]:
    """Yield the named faults without end: each kind once a round in random order, so many kills before each other.

    With None the kills are among the others, so that a short run meets every kind.
    """
    kills = [fault for fault in KILLS if fault.name in names]
    others = [fault for fault in OTHERS if fault.name in names]
    if kills_between is None:
        kills, others = [], kills + others
    next_kills, next_others = _endless(chance, kills), _endless(chance, others)
    while True:
        yield from islice(next_kills, kills_between)
        yield from islice(next_others, 1)


def _endless(chance: random.Random, faults: Sequence[Fault]) -> Iterator[Fault]:
    while faults:
        yield from chance.sample(faults, len(faults))
