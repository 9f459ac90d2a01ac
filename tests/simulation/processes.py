"""The processes of a world: edges and flushers, made of the real parts, and killed without warning."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from livegift.domain.refusal import Refusal
from livegift.errors import CannotRun, Fault
from livegift.flusher.process import FlusherParts
from livegift.flusher.repartition import change, open_new
from livegift.gifting import Gifting, Receipt, SendGift
from livegift.ledger.keys import LedgerKeys
from livegift.ledger.ledger import Ledger
from livegift.ledger.news import News
from livegift.store.book import Book
from livegift.store.directory import Directory
from livegift.store.flusher_book import FlusherBook
from tests.simulation.book import SimDatabase
from tests.simulation.client import SimClient
from tests.simulation.line import Line

if TYPE_CHECKING:
    from tests.simulation.people import Ask, Gift
    from tests.simulation.world import World

PROCESS: contextvars.ContextVar["Process | None"] = contextvars.ContextVar("process", default=None)
"""Whose code is running: the clocks ask."""
SECRET = b"s" * 32


class Process:
    """Something that lives, calls engine and book on its line, and may die between any two calls."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.line = Line(world, self)
        self.facts = world.facts()
        self.is_alive = True
        self.skew_ms = world.chance.randrange(-30, 31)
        self.context = contextvars.copy_context()
        self.context.run(PROCESS.set, self)
        self.tasks: asyncio.TaskGroup | None = None
        self.main: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.main = self.world.loop.create_task(self._live(), context=self.context)

    def kill(self) -> None:
        """Die now: no I/O of this process has any further effect, but what is under way."""
        self.is_alive = False
        if self.main is not None:
            self.main.cancel()

    async def run(self, tasks: asyncio.TaskGroup) -> None:
        raise NotImplementedError

    async def _live(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                self.tasks = tasks
                await self.run(tasks)
        except BaseExceptionGroup as errors:
            if self.is_alive:
                self._report(errors)
        finally:
            self.is_alive = False

    def _report(self, errors: BaseExceptionGroup[BaseException]) -> None:
        # A process that ends by itself has met a bug of ours: no fault of this world is beyond what it must bear.
        leaf: BaseException = errors
        while isinstance(leaf, BaseExceptionGroup):
            leaf = leaf.exceptions[0]
        if isinstance(leaf, CannotRun) and self.facts != self.world.facts():
            return  # there are other partitions now: it must end, and is begun again
        check = "a process cannot run" if isinstance(leaf, CannotRun) else "a process failed"
        self.world.violate(check, f"{self.name}: {type(leaf).__name__}: {leaf}", leaf)


class EdgeProcess(Process):
    """The ledger and gifting of an edge, without its sockets."""

    def __init__(self, world: "World", name: str) -> None:
        super().__init__(world, name)
        config = world.config
        client = SimClient(world, self)
        database = SimDatabase(world, self)
        self.book = Book(database, database)
        ledger = Ledger(
            client,
            LedgerKeys(config.redis_prefix, 1),
            self.facts.layout,
            self.book.read_cold,
            read_layout=self.book.layout,
            batch_max=config.batch_gifts_max,
            queue_max=config.send_queue_max,
            interval_ms=config.batch_interval_ms,
            hot_wallets_max=config.hot_wallets_max,
        )
        directory = Directory(self.book)
        self.gifting = Gifting(config, ledger, self.book, directory, secret=SECRET, facts=self.facts)
        news = News(
            client,
            LedgerKeys(config.redis_prefix, 1),
            self.facts.partitions,
            on_mark=self.gifting.on_mark,
            on_wallet=self.gifting.wallet_moved,
            on_rooms=directory.forget_rooms,
        )
        self._parts = (ledger, self.gifting, news)

    async def run(self, tasks: asyncio.TaskGroup) -> None:
        for part in self._parts:
            tasks.create_task(part.run())

    def take(self, ask: "Ask") -> None:
        """Read a client's ``send`` off a connection."""
        assert self.tasks is not None
        self.tasks.create_task(self._serve(ask), context=self.context)

    def do(self, work: Callable[["EdgeProcess"], Awaitable[object]]) -> None:
        """Carry out an HTTP request of an operator; a fault is answered with 503 and so forgotten."""

        async def serve() -> None:
            try:
                await work(self)
            except Fault:
                return

        assert self.tasks is not None
        self.tasks.create_task(serve(), context=self.context)

    async def _serve(self, ask: "Ask") -> None:
        gift, body = ask.gift, ask.body
        send = SendGift(
            gift.sender.id,
            gift.sender.name,
            body.room,
            gift.id_text,
            body.gift,
            body.price_coins,
            body.count,
            body.to,
            body.message,
            body.anonymous,
        )
        answer: Receipt | Refusal | Fault
        try:
            answer = await self.gifting.send_gift(send, _Connection(self, ask))
        except Fault as fault:
            answer = fault
        self.world.watch.answered(ask, answer)
        self.world.network.answer(ask, answer)


class _Connection:
    """Who asked about a gift on this edge, and hears what becomes of it."""

    def __init__(self, edge: EdgeProcess, ask: "Ask") -> None:
        self._edge = edge
        self._ask = ask

    @property
    def _gift(self) -> "Gift":
        return self._ask.gift

    def settled(self, gifts: list[tuple[str, str]]) -> None:
        for gift_event_id, event_id in gifts:
            self._edge.world.watch.told_settled(self._ask, gift_event_id, event_id)
            self._edge.world.network.tell(self._gift, "settled")

    def accepted_again(self, receipt: Receipt) -> None:
        self._edge.world.watch.answered(self._ask, receipt)
        self._edge.world.network.tell(self._gift, "accepted")

    def failed(self, gift_event_id: str, refusal: Refusal) -> None:
        self._edge.world.watch.failed(self._ask, refusal)
        self._edge.world.network.tell(self._gift, refusal.code)


class FlusherProcess(Process):
    """Flusher, inbox, announcer, keeper and janitor."""

    def __init__(self, world: "World", name: str) -> None:
        super().__init__(world, name)
        self.parts = make_parts(world, self)
        self.stopping = asyncio.Event()

    async def run(self, tasks: asyncio.TaskGroup) -> None:
        keeper = tasks.create_task(self.parts.keeper.run())
        await self.parts.flusher.run(self.stopping)
        keeper.cancel()


class OperatorProcess(Process):
    """An operator's command that changes the number of partitions, while nobody else should be running."""

    def __init__(self, world: "World", partitions: int) -> None:
        super().__init__(world, "operator")
        self._partitions = partitions

    async def run(self, tasks: asyncio.TaskGroup) -> None:
        try:
            parts = make_parts(self.world, self)
            await change(parts, parts.book, self._partitions)
            self.facts = self.world.facts()
            await open_new(make_parts(self.world, self))
        except (Fault, CannotRun) as error:
            self.world.note(self.name, f"{type(error).__name__}: {error}")


def make_parts(world: "World", process: Process) -> FlusherParts:
    """Return a flusher's parts on the line of that process."""
    database = SimDatabase(world, process)
    return FlusherParts(
        world.config,
        SECRET,
        process.facts,
        client=SimClient(world, process),
        book=FlusherBook(database),
        people=Book(database, database),
    )
