"""One seeded world from its beginning to its end."""

import asyncio
import hashlib
import random
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from livegift import clock
from livegift.config import Config
from livegift.domain.catalogue import FIRST_GIFTS
from livegift.domain.identity import Layout
from livegift.store.book import BookFacts
from tests.simulation.check_book import check_book
from tests.simulation.check_engine import ahead_ms, check_engine, unrest
from tests.simulation.check_people import check_people
from tests.simulation.check_rooms import check_rooms
from tests.simulation.client import SimPubSub
from tests.simulation.creators import Creators
from tests.simulation.director import FLUSHERS, Director
from tests.simulation.engine import Command, name_of, slot_of
from tests.simulation.faults import Strikes, Weather
from tests.simulation.loop import VirtualLoop
from tests.simulation.people import EDGES, Network, People
from tests.simulation.processes import PROCESS, EdgeProcess, FlusherProcess, OperatorProcess, Process
from tests.simulation.stage import BEGINNING_MS, PARTITIONS, PARTITIONS_MAX, ROOMS, SENDERS, Stage
from tests.simulation.watch import Watch

BUSY_S = 16.0
"""Faults come and gifts are made for so long."""
REST_S = 60.0
"""After the last fault everything must come to rest within this time."""
GIFTS = 600
SETTLED_MIN = 500
"""Gifts that must be in the book before the world may rest."""
MORE_MAX = 30
"""How often more gifts are made while there are too few."""
ALARMS = {"partition_stopped", "room_refuses", "room_state_dropped"}
"""Log events that no fault of this world excuses."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never be."""

    check: str
    detail: str


@dataclass
class Result:
    """What came of a seed."""

    seed: int
    violations: list[Violation]
    strikes: Strikes
    asked: int
    settled: int
    calls: int
    virtual_s: float
    trace: str


class World:
    """Everything there is. Made anew for each seed; ``run`` returns what came of it."""

    def __init__(self, seed: int, stage: Stage, *, narrate: bool = False) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.engine = stage.engine
        self.book = stage.book
        self.loop = VirtualLoop()
        self.weather = Weather(self.chance)
        self.strikes = Strikes()
        self.violations: list[Violation] = []
        self.prices = {gift.id: gift.price_coins for gift in FIRST_GIFTS[:7]}
        self.rooms = ROOMS
        self.losses_s: list[float] = []
        self.copied: set[str] = set()
        self.deaf: set[str] = set()
        self.engine_is_down = False
        self.engine_lives = 0
        self.engine_skew_ms = 0
        self.leap_ms = 0
        self.calls = 0
        self.subscriptions: list[SimPubSub] = []
        self.edges: dict[str, EdgeProcess] = {}
        self.flushers: dict[str, FlusherProcess] = {}
        self.operator: OperatorProcess | None = None
        self.held: dict[str, asyncio.Future[None]] = {}
        """Processes that an operator has stopped, until that is done."""
        self.people_tasks: list[asyncio.Task[None]] = []
        self.config = Config(
            redis_url="unix://simulated",
            redis_prefix="lg:",
            partitions=PARTITIONS,
            combo_window_ms=1_500,
            history_frames_max=1_000_000,
            hot_wallets_max=self.chance.choice((5, 8, 1_000)),
            evict_interval_ms=2_000,
            send_deadline_ms=3_000,
            journal_events_max=self.chance.choice((40, 200, 200_000)),
            flush_events_max=self.chance.choice((5, 2_000)),
        )
        self._trace = hashlib.blake2b(digest_size=16)
        self._narrate = narrate
        self._changes: list[asyncio.Future[None]] = []
        self._last_flusher = ""
        self._last_announcer = ""
        self._failed = asyncio.Event()
        self.watch = Watch(self)
        self.network = Network(self)
        self.people = People(self, SENDERS)
        self.director = Director(self, until_s=BUSY_S)
        self.creators = Creators(self, self.rooms)

    # --- time ---

    def now_ms(self) -> int:
        """The true time, which clocks tell more or less exactly."""
        return BEGINNING_MS + self.leap_ms + int(self.loop.time() * 1_000)

    def meta(self, p: int) -> str:
        return f"{self.config.redis_prefix}1:{{p{p:03d}}}:meta"

    def facts(self) -> BookFacts:
        """What a process that begins now reads."""
        layouts = self.book.query("SELECT since_epoch, partitions FROM layout ORDER BY since_epoch")
        return BookFacts(1, tuple(Layout(*layout) for layout in layouts))

    # --- what happens is noted ---

    def note(self, who: str, what: str) -> None:
        """Add an I/O call to the trace; two runs of a seed must agree in each."""
        self.calls += 1
        self._trace.update(f"{self.loop.time():.9f} {who} {what}\n".encode())
        if self._narrate:
            print(f"{self.loop.time():10.4f} {who:12} {what}")

    def strike(self, kind: str, before: str, name: str) -> None:
        self.strikes.kinds[kind] += 1
        self.strikes.pairs[kind, before, name] += 1
        self.note("fault", f"{kind} {before} -> {name}")

    def violate(self, check: str, detail: str, error: BaseException | None = None) -> None:
        if self._narrate and error is not None:
            traceback.print_exception(error)
        self.violations.append(Violation(check, detail))
        self.note("VIOLATION", f"{check}: {detail}" if self._narrate else check)
        self._failed.set()

    # --- the engine, as the line reaches it ---

    def execute(self, commands: Sequence[Command]) -> list[Any]:
        """Let the engine run commands now, wherever they come from."""
        if self.engine_is_down:
            return []
        replies = self.engine.execute(commands)
        names = {name_of(command) for command in commands}
        for command, reply in zip(commands, replies, strict=True):
            tag = (
                reply[0] if isinstance(reply, list) and reply and isinstance(reply[0], bytes) else type(reply).__name__
            )
            self._trace.update(f"{name_of(command)} {tag!r}\n".encode())
            if self._narrate and name_of(command) in ("gift", "trim", "open", "close", "apply", "announce", "load"):
                print(f"{'':10} -> {name_of(command)} {str(reply)[:200]}")
        if names & {"gift", "apply", "open"}:
            changes, self._changes = self._changes, []
            for change in changes:
                if not change.done():
                    change.set_result(None)
        return replies

    def note_copy(self, commands: Sequence[Command]) -> None:
        """Note the gifts whose call may be done more than once by the line's doing."""
        for command in commands:
            if name_of(command) == "gift":
                self.copied |= {word for word in command if isinstance(word, str) and len(word) == 32}

    def next_change(self) -> "asyncio.Future[None]":
        """Return what is done when a journal may have grown, or the engine has died."""
        change: asyncio.Future[None] = self.loop.create_future()
        self._changes.append(change)
        return change

    def engine_dies(self) -> None:
        """Break every connection."""
        self.engine_lives += 1
        changes, self._changes = self._changes, []
        for change in changes:
            if not change.done():
                change.set_result(None)
        for subscription in self.subscriptions:
            subscription.wake()

    def slots(self) -> set[str]:
        return {slot_of(key) for key in self.engine.key_names()}

    def _published(self, channel: str, data: bytes) -> None:
        self.watch.published(channel, data)
        for subscription in list(self.subscriptions):
            subscription.hear(channel, data)

    def alternates(self, process: str, name: str) -> None:
        """Note when a second flusher or announcer does what another did the last time."""
        if name == "sql.flush":
            if self._last_flusher not in ("", process):
                self.strike("two_flushers", self._last_flusher, process)
            self._last_flusher = process
        elif name == "announce":
            if self._last_announcer not in ("", process):
                self.strike("two_announcers", self._last_announcer, process)
            self._last_announcer = process

    # --- processes ---

    def process(self, name: str) -> Process | None:
        process = self.edges.get(name) or self.flushers.get(name)
        return process if process is not None and process.is_alive else None

    async def _keep_alive(self, name: str) -> None:
        """Begin a process again whenever it has died, as a supervisor does."""
        while True:
            process: Process
            if name in EDGES:
                process = self.edges[name] = EdgeProcess(self, name)
            else:
                process = self.flushers[name] = FlusherProcess(self, name)
            process.start()
            assert process.main is not None
            await asyncio.wait([process.main])
            await asyncio.sleep(self.chance.choice((0.02, 0.3, 2.0)) * (1.0 if not self.weather.is_calm else 0.1))
            while (stopped := self.held.get(name)) is not None:
                await stopped

    async def repartition(self, partitions: int, stopped: Sequence[str]) -> None:
        """Let an operator change the number of partitions, with these processes stopped."""
        if self.operator is not None and self.operator.is_alive:
            return
        done: asyncio.Future[None] = self.loop.create_future()
        self.held |= dict.fromkeys(stopped, done)
        for name in stopped:
            if (process := self.process(name)) is not None:
                process.kill()
        self.operator = OperatorProcess(self, partitions)
        self.operator.start()
        assert self.operator.main is not None
        await asyncio.wait([self.operator.main])
        for name in stopped:
            del self.held[name]
        done.set_result(None)

    # --- a life ---

    def run(self) -> Result:
        """Live, come to rest, be checked."""
        before = clock.use(_Clocks(self))
        logging = structlog.get_config()
        structlog.configure(processors=[self._read_log], cache_logger_on_first_use=False)
        self.engine.begin([self.meta(p) for p in range(PARTITIONS_MAX)], lambda: self.now_ms() + self.engine_skew_ms)
        self.book.begin()
        self.engine.on_publish = self._published
        try:
            self.loop.run_until_complete(self._live())
            if not self.violations:
                self._check()
        finally:
            self.engine.on_publish = lambda channel, data: None
            self._end()
            structlog.configure(**logging)
            clock.use(before)
        return self._result()

    def _read_log(self, logger: object, method: str, event: dict[str, Any]) -> Any:
        if event["event"] in ALARMS:
            self.violate(event["event"].replace("_", " "), f"{event}")
        if self._narrate:
            print(f"{'':10} log {event}")
        raise structlog.DropEvent

    def _on_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if context["message"].startswith("Future exception"):
            return  # a gift's answer that came after its process had died
        error = context.get("exception")
        self.violate("an error in a callback", f"{context['message']}: {error!r}", error)

    async def _live(self) -> None:
        self.loop.set_exception_handler(self._on_error)
        for name in (*EDGES, *FLUSHERS):
            self.people_tasks.append(self.loop.create_task(self._keep_alive(name)))
        self.people_tasks.append(self.loop.create_task(self.creators.run()))
        failed = self.loop.create_task(self._failed.wait())
        life = self.loop.create_task(self._story())
        await asyncio.wait((failed, life), return_when=asyncio.FIRST_COMPLETED)
        if life.done():
            life.result()
        failed.cancel()
        life.cancel()

    async def _story(self) -> None:
        self.loop.call_later(0.2, self._give_coins)
        self.director.plan()
        self.people.plan(count=GIFTS, from_s=0.3, until_s=BUSY_S)
        await asyncio.sleep(BUSY_S)
        for _ in range(MORE_MAX):
            if (lacking := SETTLED_MIN - self._settled()) <= 0:
                break
            self._give_coins()
            self.people.plan(count=lacking + 10, from_s=self.loop.time(), until_s=self.loop.time() + 2.0)
            await asyncio.sleep(3.0)
        self._calm()
        # Combos end by their partition's clock, which stands still until the time has caught up with a step ahead.
        until_s = self.loop.time() + REST_S + ahead_ms(self) / 1_000
        while reasons := list(unrest(self)):
            if self.loop.time() > until_s:
                for reason in reasons:
                    self.violate("stuck", reason)
                return
            await asyncio.sleep(0.25)

    def _settled(self) -> int:
        return int(self.book.query("SELECT count(*) FROM gift")[0][0])

    def _give_coins(self) -> None:
        for sender in self.people.senders:
            self.director.grant(sender.id, "recharge", self.chance.choice((100, 20_000, 40_000)))

    def _calm(self) -> None:
        self.weather.is_calm = True
        self.note("director", "calm")

    def _check(self) -> None:
        gifts = check_book(self)
        check_people(self, gifts)
        check_rooms(self, gifts)
        check_engine(self)

    def _end(self) -> None:
        for process in (*self.edges.values(), *self.flushers.values()):
            process.kill()
        if self.operator is not None:
            self.operator.kill()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()

    def _result(self) -> Result:
        settled = self._settled()
        return Result(
            seed=self.seed,
            violations=self.violations,
            strikes=self.strikes,
            asked=len(self.people.gifts),
            settled=settled,
            calls=self.calls,
            virtual_s=self.loop.time(),
            trace=self._trace.hexdigest(),
        )


class _Clocks:
    """The clocks that the code under test sees: each process has its own."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now_ms(self) -> int:
        process = PROCESS.get()
        return self._world.now_ms() + (process.skew_ms if process else 0)

    def monotonic_ms(self) -> int:
        return int(self._world.loop.time() * 1_000)
