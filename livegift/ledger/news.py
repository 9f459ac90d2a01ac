"""What every edge hears: how far the book has got, wallets that moved by something else, rooms that changed.

Pub/sub is a hint, so once a second the marks are also read. A broken subscription is made anew.
"""

import asyncio
from collections.abc import Callable

import structlog

from livegift.engine import Client, faults
from livegift.errors import Fault
from livegift.ledger.keys import LedgerKeys

POLL_S = 1.0
RETRY_S = 0.1

OnMark = Callable[[int, int, int], None]
"""(partition, epoch, mark)"""
OnWallet = Callable[[str, int, str], None]
"""(user id, balance in coins, reason)"""

log = structlog.get_logger(__name__)


class News:
    """Listens until cancelled."""

    def __init__(
        self,
        client: Client,
        keys: LedgerKeys,
        partitions: int,
        *,
        on_mark: OnMark,
        on_wallet: OnWallet,
        on_rooms: Callable[[], None],
        on_people: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._keys = keys
        self._partitions = partitions
        self._on_mark = on_mark
        self._on_wallet = on_wallet
        self._on_rooms = on_rooms
        self._on_people = on_people

    async def run(self) -> None:
        """Listen and poll until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._poll())
            tasks.create_task(self._listen())

    async def _poll(self) -> None:
        while True:
            try:
                await self.read_marks()
            except Fault as fault:
                log.debug("marks_unread", why=str(fault))
            await asyncio.sleep(POLL_S)

    async def read_marks(self) -> None:
        """Read all marks now and pass them on."""
        async with faults(), self._client.pipeline(transaction=False) as pipe:
            for p in range(self._partitions):
                pipe.hmget(self._keys.meta(p), ["epoch", "mark"])
            found = await pipe.execute()
        for p, (epoch, mark) in enumerate(found):
            if epoch is not None and mark is not None:
                self._on_mark(p, int(epoch), int(mark))

    async def _listen(self) -> None:
        while True:
            try:
                async with faults(), self._client.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.subscribe(
                        self._keys.marks_channel, self._keys.wallets_channel, self._keys.hints_channel
                    )
                    while True:
                        message = await subscription.get_message(timeout=POLL_S)
                        if message is not None:
                            self._take(message["channel"].decode(), message["data"])
            except Fault as fault:
                log.info("news_interrupted", why=str(fault))
                await asyncio.sleep(RETRY_S)

    def _take(self, channel: str, data: bytes) -> None:
        if channel == self._keys.marks_channel:
            p, epoch, mark = data.split(b" ")
            if int(p) < self._partitions:  # else there are more than we know: our own next call will be told so
                self._on_mark(int(p), int(epoch), int(mark))
            return
        if channel == self._keys.hints_channel:
            if data == b"rooms":
                self._on_rooms()
            elif data == b"people":
                self._on_people()
            return
        balance, reason, user_id = data.split(b" ", 2)
        self._on_wallet(user_id.decode(), int(balance), reason.decode())
