"""The ledger as an edge uses it: charge a gift, read a balance, hear of marks."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from livegift.clock import monotonic_ms, now_ms
from livegift.domain.identity import Layout, partition_of
from livegift.engine import Client, faults
from livegift.errors import CannotRun, Fault
from livegift.ledger.batcher import Batcher
from livegift.ledger.charge import Charge
from livegift.ledger.keys import LedgerKeys
from livegift.ledger.loader import Loader, ReadCold
from livegift.ledger.view import read_views
from livegift.sharing import Shared

NUDGE_INTERVAL_S = 0.05
LAYOUT_FRESH_MS = 1_000
"""While a partition is away the book is asked this often whether there are others now."""

BALANCES_AT_ONCE = 1_024
"""Wallets of one reading: it holds the loop up for some milliseconds."""

ReadLayout = Callable[[], Awaitable[Layout]]
"""The layout in force, from the book."""

log = structlog.get_logger(__name__)


class Ledger:
    """All partitions, behind one batcher each. ``run`` serves until cancelled."""

    def __init__(
        self,
        client: Client,
        keys: LedgerKeys,
        layout: Layout,
        read_cold: ReadCold,
        *,
        read_layout: ReadLayout,
        batch_max: int,
        queue_max: int,
        interval_ms: int,
        hot_wallets_max: int,
    ) -> None:
        self.partitions = layout.partitions
        self._layout = layout
        self._read_layout = read_layout
        self._layout_read_ms = 0
        self._client = client
        self._keys = keys
        self._read_cold = read_cold
        self._nudged = asyncio.Event()
        self._balances = Shared(self._read_balances, questions_max=BALANCES_AT_ONCE)
        loader = Loader(client, keys, read_cold, hot_wallets_max=hot_wallets_max)
        self.batchers = [
            Batcher(
                p,
                client,
                keys,
                loader,
                partitions=layout.partitions,
                insist_on_layout=self._insist_on_layout,
                batch_max=batch_max,
                queue_max=queue_max,
                interval_ms=interval_ms,
                needs_recovery=self._nudged.set,
            )
            for p in range(layout.partitions)
        ]

    async def run(self) -> None:
        """Serve all partitions until cancelled; raises ``CannotRun`` once there is another number of them."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pass_nudges_on())
            for batcher in self.batchers:
                tasks.create_task(batcher.run())

    def submit(self, charge: Charge) -> int:
        """Queue a gift with its sender's partition, which is returned."""
        p = partition_of(charge.sender_id, self.partitions)
        self.batchers[p].submit(charge)
        return p

    async def balance(self, user_id: str) -> int:
        """Return a wallet's coins: the hot figure, else the book's. Raises ``Unavailable``.

        Everybody who connects asks: those who come at once share two round trips, and one look into the book.
        """
        return (await self._balances.ask(user_id))[user_id]

    async def _read_balances(self, user_ids: list[str]) -> dict[str, int]:
        homes = {user_id: partition_of(user_id, self.partitions) for user_id in user_ids}
        views = await read_views(self._client, self._keys, sorted(set(homes.values())))
        hot = [(user_id, p, view) for user_id, p in homes.items() if (view := views.get(p)) is not None]
        async with faults(), self._client.pipeline(transaction=False) as pipe:
            for user_id, p, view in hot:
                pipe.hget(self._keys.wallet(p, view.generation, user_id), "coins")
            found = await pipe.execute() if hot else []
        balances = {user_id: int(coins) for (user_id, *_), coins in zip(hot, found, strict=True) if coins is not None}
        if cold := [user_id for user_id in homes if user_id not in balances]:
            wallets, _ = await self._read_cold(cold, [], now_ms())
            balances |= {wallet.user_id: wallet.coins for wallet in wallets}
        return balances

    async def nudge(self, what: str) -> None:
        """Tell everyone that inbox, rooms or partitions have news; they would look by themselves a little later."""
        try:
            async with faults():
                await self._client.publish(self._keys.hints_channel, what)
        except Fault as fault:
            log.debug("hint_lost", why=str(fault))

    async def _insist_on_layout(self, *, is_news: bool) -> None:
        now_ms = monotonic_ms()
        if not is_news and now_ms - self._layout_read_ms < LAYOUT_FRESH_MS:
            return
        found = await self._read_layout()
        if found != self._layout:
            raise CannotRun(
                f"there are {found.partitions} partitions now, this process knows {self._layout.partitions} "
                f"of epoch {self._layout.since_epoch}: start it again"
            )
        self._layout_read_ms = now_ms

    async def _pass_nudges_on(self) -> None:
        while True:
            await self._nudged.wait()
            self._nudged.clear()
            await self.nudge("partitions")
            await asyncio.sleep(NUDGE_INTERVAL_S)
