"""The micro-batcher of one partition: gifts that arrive while a call is in flight share the next one.

One call at a time keeps the order of a sender's gifts and lets the batch grow just as the engine gets slower. A
sender whose wallet is not hot is *parked* while it is loaded: the others go on, and the parked gifts keep their
order. At its bound the queue answers ``busy``.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from redis.exceptions import RedisError

from livegift.clock import monotonic_ms, now_ms
from livegift.engine import Arg, Client, Script
from livegift.errors import Busy, Fault, Unavailable
from livegift.ledger.charge import Charge, Outcome
from livegift.ledger.keys import LedgerKeys
from livegift.ledger.loader import Fenced, Loader
from livegift.ledger.view import PartitionView, read_view


class InsistOnLayout(Protocol):
    """Asks the book for the layout in force."""

    async def __call__(self, *, is_news: bool) -> None:
        """Raise ``CannotRun`` if it is not the one that this process knows; ask in any case where ``is_news``."""


RETRY_MS = 20
"""Pause before a partition that is being recovered is asked again."""

_gift = Script("livegift.ledger", "gift")


class Batcher:
    """Charges the gifts of one partition."""

    def __init__(
        self,
        p: int,
        client: Client,
        keys: LedgerKeys,
        loader: Loader,
        *,
        partitions: int,
        insist_on_layout: InsistOnLayout,
        batch_max: int,
        queue_max: int,
        interval_ms: int,
        needs_recovery: Callable[[], None],
    ) -> None:
        self._p = p
        self._client = client
        self._keys = keys
        self._loader = loader
        self._partitions = partitions
        self._insist_on_layout = insist_on_layout
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._interval_s = interval_ms / 1_000
        self._needs_recovery = needs_recovery
        self._view: PartitionView | None = None
        self._pending: deque[Charge] = deque()
        self._parked: dict[str, list[Charge]] = {}
        self._wake = asyncio.Event()
        self._load_wake = asyncio.Event()
        self._clock_ahead_ms = 0
        self.calls = 0
        self.call_ns = 0
        """How long all calls of the script took, there and back."""
        self.gifts = 0

    def submit(self, charge: Charge) -> None:
        """Queue a gift; its ``answer`` gets the outcome or a ``Fault``."""
        parked = self._parked.get(charge.sender_id)
        if parked is not None:
            parked.append(charge)
            return
        if len(self._pending) >= self._queue_max:
            self._fail([charge], Busy(f"{len(self._pending)} gifts wait for partition {self._p}", retry_after_ms=500))
            return
        self._pending.append(charge)
        self._wake.set()

    async def run(self) -> None:
        """Serve the queue until cancelled; raises ``CannotRun`` once the ledger has another number of partitions."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._serve_loads())
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._pending:
                    started_s = loop.time()
                    await self._serve(self._take())
                    # A lone gift never waits; when they come thick, the next call carries several.
                    wait_s = started_s + self._interval_s - loop.time()
                    if wait_s > 0:
                        await asyncio.sleep(wait_s)

    def _take(self) -> list[Charge]:
        batch: list[Charge] = []
        now = monotonic_ms()
        while self._pending and len(batch) < self._batch_max:
            charge = self._pending.popleft()
            parked = self._parked.get(charge.sender_id)
            if charge.deadline_ms < now:
                self._fail([charge], Busy(f"partition {self._p} did not take the gift in time", retry_after_ms=500))
            elif parked is not None:
                parked.append(charge)
            else:
                batch.append(charge)
        return batch

    async def _serve(self, batch: list[Charge]) -> None:
        if not batch:
            return
        try:
            if self._view is None:
                self._view = await self._look()
            if self._view is None:
                await self._again(batch, needs_recovery=True)
                return
            reply = await self._call(batch, self._view)
        except Fault as fault:
            self._fail(batch, fault)
            return
        except RedisError as error:
            await self._isolate(batch, error)
            return
        await self._read(batch, reply)

    async def _look(self) -> PartitionView | None:
        view = await read_view(self._client, self._keys, self._p)
        # If we are of before a repartition, our senders are charged elsewhere, and not one more gift may be taken.
        await self._insist_on_layout(is_news=view is not None)
        if view is not None and view.partitions != self._partitions:
            return None  # the engine was put back to before one: recovery will mend that
        return view

    async def _isolate(self, batch: list[Charge], error: RedisError) -> None:
        # One poisoned gift must hurt nobody else: the batch is taken apart.
        if len(batch) == 1:
            self._fail(batch, Unavailable(f"the ledger cannot charge this gift: {error}"))
            return
        for charge in batch:
            await self._serve([charge])

    async def _call(self, batch: list[Charge], view: PartitionView) -> list[Any]:
        self.calls += 1
        self.gifts += len(batch)
        p, generation, keys = self._p, view.generation, self._keys
        names: dict[str, int] = {keys.meta(p): 1, keys.journal(p): 2}
        caller_ms = now_ms()
        left_ms = min(charge.deadline_ms for charge in batch) - monotonic_ms()
        not_after = caller_ms + self._clock_ahead_ms + left_ms
        args: list[Arg] = [self._partitions, view.epoch, generation, view.owner, caller_ms, not_after, len(batch)]
        for charge in batch:
            stripe = 0
            if charge.receiver_id is not None:
                stripe = names.setdefault(keys.stripe(p, generation, charge.receiver_id), len(names) + 1)
            args += (
                names.setdefault(keys.wallet(p, generation, charge.sender_id), len(names) + 1),
                names.setdefault(keys.ids(p, generation, charge.sender_id), len(names) + 1),
                stripe,
                charge.gift_id,
                charge.gift_ms,
                charge.digest,
                charge.coins,
                charge.refusal,
                charge.payload,
            )
        began_ns = time.perf_counter_ns()
        try:
            return await _gift.run(self._client, list(names), args)
        finally:
            self.call_ns += time.perf_counter_ns() - began_ns

    async def _read(self, batch: list[Charge], reply: list[Any]) -> None:
        match reply[0]:
            case b"ok":
                self._read_results(batch, reply)
            case b"fenced":
                self._view = None
                await self._again(batch, needs_recovery=reply[1] == b"owner")
            case b"busy" if reply[1] == b"closed":
                self._view = None
                await self._again(batch, needs_recovery=True)
            case b"busy":
                self._fail(batch, Busy(f"the journal of partition {self._p} is at its limit", retry_after_ms=1_000))
            case b"clock_skew":
                found = int(reply[1])
                self._fail(batch, Unavailable(f"the engine's clock says {found} ms, ours {now_ms()} ms"))
            case b"late":
                # The partition's clock may run ahead of ours; from now on we name deadlines in its time.
                self._clock_ahead_ms = int(reply[1]) - now_ms()
                await self._again(batch, needs_recovery=False)

    async def _again(self, batch: list[Charge], *, needs_recovery: bool) -> None:
        self._pending.extendleft(reversed(batch))
        self._wake.set()
        if needs_recovery:
            self._needs_recovery()
        await asyncio.sleep(RETRY_MS / 1_000)

    def _read_results(self, batch: list[Charge], reply: list[Any]) -> None:
        _, epoch_text, mark_text, now_text, results = reply
        epoch, mark, now = int(epoch_text), int(mark_text), int(now_text)
        self._clock_ahead_ms = now - now_ms()
        for charge, (tag_bytes, *figures) in zip(batch, results, strict=True):
            tag = tag_bytes.decode()
            match tag:
                case "accepted":
                    outcome = Outcome(tag, epoch, int(figures[0]), int(figures[1]), epoch, mark, now)
                case "replayed":
                    outcome = Outcome(tag, int(figures[0]), int(figures[1]), int(figures[2]), epoch, mark, now)
                case "stale_id":
                    outcome = Outcome(tag, epoch, int(figures[0]), 0, epoch, mark, now)
                case "insufficient_coins":
                    outcome = Outcome(tag, epoch, 0, int(figures[0]), epoch, mark, now)
                case "need_load":
                    self._park(charge)
                    continue
                case _:
                    outcome = Outcome(tag, epoch, 0, 0, epoch, mark, now)
            if not charge.answer.done():
                charge.answer.set_result(outcome)

    # --- loading ---

    def _park(self, charge: Charge) -> None:
        self._parked.setdefault(charge.sender_id, []).append(charge)
        self._load_wake.set()

    async def _serve_loads(self) -> None:
        while True:
            await self._load_wake.wait()
            self._load_wake.clear()
            while self._parked:
                await self._load(list(self._parked)[: self._batch_max])

    async def _load(self, senders: list[str]) -> None:
        creators = {
            charge.receiver_id
            for sender in senders
            for charge in self._parked[sender]
            if charge.receiver_id is not None
        }
        fault: Fault | None = None
        view = self._view
        if view is not None:
            try:
                await self._loader.load(self._p, view, users=senders, creators=sorted(creators))
            except Fenced:
                self._view = None
            except Fault as error:
                fault = error
        freed = [charge for sender in senders for charge in self._parked.pop(sender)]
        if fault is not None:
            self._fail(freed, fault)
        else:
            # In front of the queue: they came before whatever has arrived meanwhile.
            self._pending.extendleft(reversed(freed))
            self._wake.set()

    @staticmethod
    def _fail(charges: list[Charge], fault: Fault) -> None:
        for charge in charges:
            if not charge.answer.done():
                charge.answer.set_exception(fault)
