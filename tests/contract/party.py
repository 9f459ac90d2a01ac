"""People with coins who send gifts and hold their receipts, through one change of the partitions after the other."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livegift.config import Config
from livegift.domain.identity import partition_of
from livegift.domain.people import RoomRow, User
from livegift.flusher.audit import audit
from livegift.flusher.repartition import repartition
from livegift.gifting import Receipt, SendGift
from livegift.store.open import open_database
from tests.world import SECRET, Heard, World, send, until

PATIENCE_MS = 60_000


class Party:
    """Some people with coins, a room, and the gifts they have sent with their receipts."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.people: list[User] = []
        self.sent: list[tuple[SendGift, Receipt]] = []
        self.room: RoomRow

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """New processes, until the end of the block."""
        await self.world.start_again()
        async with self.world.edge.running(), self.world.flushing():
            yield

    async def begin(self) -> None:
        async with self.running():
            self.room = await self.world.room()
            # Ids are drawn: there shall be somebody in each of the four partitions, and somebody who moves.
            while len(self.people) < 12 or not self._are_everywhere():
                self.people.append(await self.world.person(f"P{len(self.people)}", 100))
        await self.gift()

    def _are_everywhere(self) -> bool:
        places = {(partition_of(user.id, 4), partition_of(user.id, 8)) for user in self.people}
        return len({old for old, _ in places}) == 4 and any(old != new for old, new in places)

    async def gift(self) -> None:
        """Let everybody send one gift, settled and seen."""
        async with self.running():
            heard = Heard()
            for user in self.people:
                one = send(user, self.room, count=3)
                receipt = await self.world.edge.gifting.send_gift(one, heard)
                assert isinstance(receipt, Receipt)
                self.sent.append((one, receipt))
            await heard.wait_settled(len(self.people))
            await until(self.is_seen)

    async def is_seen(self) -> bool:
        view = await self.world.reader.view(self.room.id)
        return view is not None and view.totals.gifts == 3 * len(self.sent)

    async def all_true(self) -> None:
        """Every receipt is still answered as it was given, and every balance is what the gifts have left."""
        async with self.running():
            for one, receipt in self.sent:
                again = await self.world.edge.gifting.send_gift(one, Heard())
                assert again == Receipt(
                    receipt.gift_event_id, receipt.event_id, receipt.balance, replayed=True, settled=True
                )
            left = 100 - 3 * len(self.sent) // len(self.people)
            for user in self.people:
                assert await self.world.edge.gifting.balance(user.id) == left
            report = await audit(self.world.config, SECRET, live=True)
            assert (report["findings"], report["wallets"]) == ([], len(self.people))

    async def repartition(self, partitions: int) -> dict[str, int | None]:
        return await repartition(self.world.config, SECRET, partitions, timeout_ms=PATIENCE_MS)


async def sql(config: Config, query: str, *parameters: str | int) -> list[tuple[object, ...]]:
    database = open_database(config)
    try:
        return await database.write(lambda sql: sql.rows(query, *parameters))
    finally:
        await database.close()
