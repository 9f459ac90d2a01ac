"""The use case: one gift from a validated ``send`` to its receipt, and the news that follow it.

``send_gift`` reads top to bottom as the road in docs/architecture.md: look up, decide a refusal (it travels *with*
the gift, for a known id is answered with its receipt whatever has changed since), charge, answer, wait for the mark.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from livegift.clock import monotonic_ms
from livegift.config import Config
from livegift.domain.catalogue import GiftRow
from livegift.domain.coins import is_amount
from livegift.domain.identity import event_id, gift_digest, gift_id_hex, gift_id_ms, partition_of
from livegift.domain.moderation import Policy
from livegift.domain.people import InboxEntry, RoomRow
from livegift.domain.refusal import Refusal
from livegift.errors import Busy, Fault, Unavailable
from livegift.filters import Clean
from livegift.ledger.charge import Charge, Outcome
from livegift.ledger.ledger import Ledger
from livegift.ledger.unsettled import Ring, Waiting
from livegift.store.book import Book, BookFacts
from livegift.store.directory import Directory
from livegift.wire.codes import REFUSALS
from livegift.wire.journal import GiftEntry, pack

STALE_POLL_S = 0.02
RESUBMIT_PAUSE_S = 0.1
GRANT_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class SendGift:
    """A ``send`` as the client made it, and who sent it."""

    sender_id: str
    sender_name: str
    room: str
    gift_event_id: str
    gift: str
    price_coins: int
    count: int
    to: str | None
    message: str | None
    anonymous: bool
    barred: str | None = None
    """Code of the door's refusal. It travels with the gift: one that is charged is answered with its receipt."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a charged gift; ``balance`` in coins just after it. ``settled`` means something if replayed."""

    gift_event_id: str
    event_id: str
    balance: int
    replayed: bool
    settled: bool


class Listener(Protocol):
    """Who asked last about a gift, and hears what comes of it. Called from the loop; must not block or raise."""

    def settled(self, gifts: list[tuple[str, str]]) -> None:
        """These (gift_event_id, event_id) stand in the book."""

    def accepted_again(self, receipt: Receipt) -> None:
        """The engine had lost the gift; it has been done anew under another event id."""

    def failed(self, gift_event_id: str, refusal: Refusal) -> None:
        """The engine had lost the gift, and it can't be done any more: nothing was charged."""


@dataclass(slots=True, eq=False)
class _Asked:
    """Who waits for a gift: its id as the client wrote it, and the listener."""

    gift_event_id: str
    listener: Listener


class Gifting:
    """Sends gifts for one edge process. ``run`` serves until cancelled."""

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        book: Book,
        directory: Directory,
        *,
        secret: bytes,
        facts: BookFacts,
        clean: Clean = lambda text: text,
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._book = book
        self._directory = directory
        self._secret = secret
        self._clean = clean
        self._incarnation = facts.incarnation
        self._layouts = facts.layouts[::-1]
        self._rings: list[Ring[_Asked]] = [self._ring(p) for p in range(ledger.partitions)]
        self._resubmissions: asyncio.Queue[tuple[int, list[Waiting[_Asked]]]] = asyncio.Queue()
        self._on_wallet: Callable[[str, int, str], None] | None = None
        self._grants: dict[str, asyncio.Event] = {}

    # --- one gift ---

    async def send_gift(self, send: SendGift, listener: Listener) -> Receipt | Refusal:
        """Charge a gift, or say why not. Raises ``Unavailable`` or ``Busy``: the same id may be sent again."""
        gift_id = gift_id_hex(send.gift_event_id)
        if gift_id is None:
            return refuse("bad_id")
        charge, refusal = await self._charge(send, gift_id)
        partition = self._ledger.submit(charge)
        outcome = await charge.answer
        # Every answer says how far the book has got: news that pub/sub may have lost.
        self._rings[partition].advance(outcome.now_epoch, outcome.mark)
        return await self._answer(partition, charge, outcome, refusal, _Asked(send.gift_event_id, listener))

    async def _charge(self, send: SendGift, gift_id: str) -> tuple[Charge, Refusal | None]:
        room = await self._directory.room(send.room)
        catalogue = await self._directory.catalogue()
        gift = catalogue.gift(send.gift)
        receiver = room.creator_id if room else None
        refusal: Refusal | None = None
        if send.barred is not None:
            refusal = refuse(send.barred)
        elif room is None:
            refusal = refuse("unknown_room")
        elif room.closed_at_ms is not None:
            refusal = refuse("room_closed")
        elif send.to is not None and send.to != room.creator_id:
            refusal = refuse("unknown_receiver")
        elif receiver == send.sender_id:
            refusal = refuse("self_gift")
        elif gift is None:
            refusal = refuse("unknown_gift")
        elif not gift.active:
            refusal = refuse("gift_unavailable")
        elif not 1 <= send.count <= self._config.gift_count_max or not is_amount(gift.price_coins * send.count):
            refusal = refuse("bad_count")
        elif send.price_coins != gift.price_coins:
            refusal = refuse("price_changed", price_coins=gift.price_coins)
        elif (code := await self._unwanted(room.creator_id, gift, send)) is not None:
            refusal = refuse(code)
        # The digest covers what the client sent, with the price it saw: a resend of it is a replay, never a new sale.
        digest = gift_digest(
            self._secret,
            (send.room, send.gift, send.price_coins, send.count, send.to, send.message, send.anonymous),
        )
        payload = b""
        coins = 0
        if refusal is None and room is not None and gift is not None:
            coins = gift.price_coins * send.count
            payload = pack(
                GiftEntry(
                    *(gift_id, digest, send.sender_id, send.sender_name, room.creator_id, room.creator_name),
                    *(room.id, gift.id, gift.name, gift.tier, gift.streakable, catalogue.version),
                    *(await self._directory.rate_version(), gift.price_coins, send.count, coins),
                    *(send.anonymous, send.message and self._clean(send.message)),
                )
            )
        charge = Charge(
            sender_id=send.sender_id,
            receiver_id=receiver if refusal is None else None,
            gift_id=gift_id,
            gift_ms=gift_id_ms(gift_id),
            digest=digest,
            coins=coins,
            refusal=refusal.code if refusal else "",
            payload=payload,
            deadline_ms=monotonic_ms() + self._config.send_deadline_ms,
            answer=asyncio.get_running_loop().create_future(),
        )
        return charge, refusal

    async def _unwanted(self, creator_id: str, gift: GiftRow, send: SendGift) -> str | None:
        policy = await self._directory.policy(creator_id)
        return policy.refusal_of(
            gift.id, gift.price_coins * send.count, is_anonymous=send.anonymous, has_message=bool(send.message)
        )

    async def _answer(
        self, p: int, charge: Charge, outcome: Outcome, refusal: Refusal | None, asked: _Asked
    ) -> Receipt | Refusal:
        match outcome.tag:
            case "accepted" | "replayed":
                settled = outcome.tag == "replayed" and outcome.is_settled
                if not settled:
                    self._wait_for(p, charge, outcome, asked)
                return self._receipt(charge.sender_id, outcome, asked.gift_event_id, settled=settled)
            case "refused":
                assert refusal is not None
                return refusal
            case "stale_id":
                return await self._answer_stale(p, charge, outcome, asked)
            case "early_id":
                return refuse("bad_id", now_ms=outcome.now_ms)
            case "insufficient_coins":
                return refuse("insufficient_coins", balance=outcome.balance, needed=charge.coins)
            case code:
                return refuse(code)

    def _receipt(self, sender_id: str, outcome: Outcome, gift_event_id: str, *, settled: bool) -> Receipt:
        # A receipt of before a repartition names the partition of then.
        layout = next(one for one in self._layouts if outcome.epoch >= one.since_epoch)
        p = partition_of(sender_id, layout.partitions)
        return Receipt(
            gift_event_id=gift_event_id,
            event_id=self.event_id(p, outcome.epoch, outcome.seq),
            balance=outcome.balance,
            replayed=outcome.tag == "replayed",
            settled=settled,
        )

    def event_id(self, p: int, epoch: int, seq: int) -> str:
        """Return the public name of what stands at that place in a partition."""
        return event_id(self._secret, incarnation=self._incarnation, partition=p, epoch=epoch, seq=seq)

    def _wait_for(self, p: int, charge: Charge, outcome: Outcome, asked: _Asked) -> None:
        # The reply must leave before `settled` can: the ring hears of the mark in a later turn of the loop.
        waiting = Waiting(outcome.epoch, outcome.seq, charge, asked)
        asyncio.get_running_loop().call_soon(self._rings[p].add, waiting)

    async def _answer_stale(self, p: int, charge: Charge, outcome: Outcome, asked: _Asked) -> Receipt | Refusal:
        """Answer from the book, but only once its mark has reached the seq that the script named."""
        while monotonic_ms() < charge.deadline_ms:
            epoch, mark = await self._book.mark(p)
            if epoch > outcome.epoch or (epoch == outcome.epoch and mark >= outcome.seq):
                break
            await asyncio.sleep(STALE_POLL_S)
        else:
            raise Busy("the book has not caught up to answer for an old id", retry_after_ms=500)
        found = await self._book.settled_gift(charge.sender_id, charge.gift_id)
        if found is None:
            return refuse("expired", now_ms=outcome.now_ms)
        if found.digest != charge.digest:
            return refuse("mismatch")
        event = self.event_id(found.partition, found.epoch, found.seq)
        return Receipt(asked.gift_event_id, event, found.balance, replayed=True, settled=True)

    # --- settlement ---

    def on_mark(self, p: int, epoch: int, mark: int) -> None:
        """Take note of how far the book has got in a partition."""
        self._rings[p].advance(epoch, mark)

    def calls(self) -> tuple[int, int, int]:
        """Return how many calls of ``gift.lua`` this process has made, their gifts, and all their ns."""
        made = self._ledger.batchers
        return sum(b.calls for b in made), sum(b.gifts for b in made), sum(b.call_ns for b in made)

    def unsettled(self) -> int:
        """Return how many accepted gifts wait for their mark."""
        return sum(len(ring) for ring in self._rings)

    def _ring(self, p: int) -> Ring[_Asked]:
        return Ring(
            settle=lambda settled: self._tell_settled(p, settled),
            resubmit=lambda lost: self._resubmissions.put_nowait((p, lost)),
        )

    def _tell_settled(self, p: int, settled: list[Waiting[_Asked]]) -> None:
        gifts: dict[int, tuple[Listener, list[tuple[str, str]]]] = {}
        for one in settled:
            listener = one.whom.listener
            _, ids = gifts.setdefault(id(listener), (listener, []))
            ids.append((one.whom.gift_event_id, self.event_id(p, one.epoch, one.seq)))
        for listener, ids in gifts.values():
            listener.settled(ids)

    async def run(self) -> None:
        """Resubmit what an ended epoch has left unsettled, until cancelled."""
        while True:
            p, lost = await self._resubmissions.get()
            for one in lost:
                one.charge = replace(
                    one.charge,
                    refusal="",
                    deadline_ms=monotonic_ms() + self._config.send_deadline_ms,
                    answer=asyncio.get_running_loop().create_future(),
                )
                self._ledger.submit(one.charge)
            for one in lost:
                await self._tell_again(p, one)

    async def _tell_again(self, p: int, one: Waiting[_Asked]) -> None:
        asked = one.whom
        try:
            outcome = await one.charge.answer
            if outcome.tag == "replayed" and outcome.epoch == one.epoch:
                self._tell_settled(p, [one])
                return
            answer = await self._answer(p, one.charge, outcome, None, asked)
        except Fault:
            # Still no answer: it stays unsettled and is asked for again, at the pace of a client's retries.
            await asyncio.sleep(RESUBMIT_PAUSE_S)
            self._resubmissions.put_nowait((p, [one]))
            return
        if isinstance(answer, Refusal):
            asked.listener.failed(asked.gift_event_id, answer)
        elif answer.replayed and answer.settled:
            asked.listener.settled([(asked.gift_event_id, answer.event_id)])
        else:
            asked.listener.accepted_again(answer)

    # --- wallets and rooms ---

    async def room(self, room_id: str) -> RoomRow | None:
        """Return a room, as this process believes it to be. Raises ``Unavailable``."""
        return await self._directory.room(room_id)

    async def policy(self, creator_id: str) -> Policy:
        """Return what a creator takes, as this process believes. Raises ``Unavailable``."""
        return await self._directory.policy(creator_id)

    async def balance(self, user_id: str) -> int:
        """Return a wallet's coins. Raises ``Unavailable``."""
        return await self._ledger.balance(user_id)

    def on_wallet(self, callback: Callable[[str, int, str], None]) -> None:
        """Name who hears (user id, balance, reason) when a wallet moves by an inbox entry."""
        self._on_wallet = callback

    def wallet_moved(self, user_id: str, balance: int, reason: str) -> None:
        """Pass on that a wallet has moved by an inbox entry."""
        if (waiting := self._grants.get(user_id)) is not None:
            waiting.set()
        if self._on_wallet is not None:
            self._on_wallet(user_id, balance, reason)

    async def inbox_has_news(self) -> None:
        """Tell the flusher to look at the inbox now."""
        await self._ledger.nudge("inbox")

    async def rooms_have_news(self) -> None:
        """Tell everyone that a room was opened or closed; this process forgets what it believed at once."""
        self._directory.forget_rooms()
        await self._ledger.nudge("rooms")

    async def people_have_news(self) -> None:
        """Tell everyone that somebody's tokens have ended."""
        await self._ledger.nudge("people")

    async def wait_granted(self, entry: InboxEntry, *, timeout_ms: int) -> None:
        """Return once an inbox entry has reached the hot wallet; ``Unavailable`` if it does not in time."""
        moved = self._grants.setdefault(entry.user_id, asyncio.Event())
        until = monotonic_ms() + timeout_ms
        try:
            while not moved.is_set() and await self._book.outcome(entry) is None:
                if monotonic_ms() > until:
                    raise Unavailable("the coins are on their way, but the flusher has not delivered them yet")
                try:
                    async with asyncio.timeout(GRANT_POLL_S):
                        await moved.wait()
                except TimeoutError:
                    continue
        finally:
            self._grants.pop(entry.user_id, None)


def refuse(code: str, **extra: int) -> Refusal:
    """Return the refusal of that code with its documented message."""
    return Refusal(code, REFUSALS[code], extra)
