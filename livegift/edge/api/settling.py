"""Waiting for the book: routes that move money answer once it is settled, or say that it may be asked again."""

import asyncio

from livegift.clock import monotonic_ms
from livegift.domain.people import InboxEntry
from livegift.domain.refusal import Refusal
from livegift.edge.context import EdgeContext
from livegift.edge.problems import Problem
from livegift.errors import Unavailable
from livegift.gifting import Receipt, SendGift

SETTLE_MS = 5_000
POLL_S = 0.02


class _Settlement:
    """Hears whether a gift has been settled."""

    def __init__(self) -> None:
        self.event_id: str | None = None
        self.failure: Refusal | None = None
        self.heard = asyncio.Event()

    def settled(self, gifts: list[tuple[str, str]]) -> None:
        [(_, self.event_id)] = gifts
        self.heard.set()

    def accepted_again(self, receipt: Receipt) -> None:
        self.event_id = receipt.event_id

    def failed(self, _: str, refusal: Refusal) -> None:
        self.failure = refusal
        self.heard.set()


async def settled_gift(context: EdgeContext, send: SendGift) -> tuple[Receipt, str]:
    """Send a gift and return its receipt and its event's id, once it stands in the book.

    Raises ``Problem`` if it is refused, ``Unavailable`` if it is charged and the book has not answered in time.
    """
    settlement = _Settlement()
    answer = await context.gifting.send_gift(send, settlement)
    if isinstance(answer, Refusal):
        raise _refused(answer)
    if not (answer.replayed and answer.settled):
        try:
            async with asyncio.timeout(SETTLE_MS / 1_000):
                await settlement.heard.wait()
        except TimeoutError as error:
            raise Unavailable("the gift is charged, but the book has not answered yet") from error
    if settlement.failure is not None:
        raise _refused(settlement.failure)
    return answer, settlement.event_id or answer.event_id


async def moved_wallet(context: EdgeContext, entry: InboxEntry, coins: int) -> int:
    """Return a wallet's balance just after an entry of the inbox, of so many coins, once it stands in the book.

    Raises ``Problem`` if it was rejected, ``Unavailable`` if it has not been carried over in time.
    """
    await context.gifting.inbox_has_news()
    until = monotonic_ms() + SETTLE_MS
    while (found := await context.platform.outcome(entry)).outcome is None:
        if monotonic_ms() > until:
            raise Unavailable("the coins are on their way, but the flusher has not delivered them yet")
        await asyncio.sleep(POLL_S)
    assert found.balance is not None
    if found.outcome != "applied":
        raise Problem(found.outcome, balance=found.balance, needed=coins)
    return found.balance


def _refused(refusal: Refusal) -> Problem:
    return Problem(refusal.code, refusal.message, errors=(), **refusal.extra)
