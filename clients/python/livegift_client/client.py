"""The client as users see it: rooms to follow, gifts to send, a balance. It performs what the session decides."""

import asyncio
import random
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from livegift_client.codec import CODECS, CodecName
from livegift_client.commands import Send
from livegift_client.effects import (
    BalanceMoved,
    Deliver,
    Effect,
    Fatal,
    FeedEnded,
    GiftAccepted,
    GiftFailed,
    GiftSettled,
    Hangup,
    Ready,
    RenewToken,
    Transmit,
)
from livegift_client.errors import Closed, LivegiftError, Unreachable
from livegift_client.events import FeedKind, User
from livegift_client.feed import Feed
from livegift_client.link import OPEN_TIMEOUT_S, Link, Token
from livegift_client.messages import AnyMessage, RoomFrame, RoomMessage, SnapshotPush, Subscribed
from livegift_client.receipt import Receipt, Receipts
from livegift_client.session import Session
from livegift_client.subscription import Follower, Subscription
from livegift_client.urls import websocket_url


class Client:
    """One person's connection: ``async with Client(url, token) as client``. It reconnects by itself until it is left.

    A ``token`` that is an async function is asked for a fresh one for every connection, and half a minute before the
    one in use ends. ``balance`` is in coins, as last heard; ``user`` is who the token says we are.
    ``on_balance(coins, reason)`` is called when the balance moves. ``codec="msgpack"`` speaks MessagePack instead of
    JSON: a quarter fewer bytes, else the same. ``observe`` sees every message of a room before it is judged, and
    ``decoder`` reads the frames in the codec's stead: both are for programs that hold very many clients.
    """

    def __init__(
        self,
        url: str,
        token: Token,
        *,
        open_timeout_s: float = OPEN_TIMEOUT_S,
        proxy: bool = True,
        ssl: Any = None,
        on_balance: Callable[[int, str], None] | None = None,
        observe: Callable[[RoomMessage], None] | None = None,
        codec: CodecName = "json",
        decoder: Callable[[bytes], AnyMessage | None] | None = None,
    ) -> None:
        self.user: User | None = None
        self.balance: int | None = None
        self._url, self._open_timeout_s = websocket_url(url), open_timeout_s
        self._on_balance, self._observe = on_balance, observe
        self._session = Session(random.random, CODECS[codec].encode, renews=callable(token))
        self._receipts = Receipts()
        self._followers: dict[int, Follower] = {}
        self._failure: LivegiftError | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._ready, self._ended = asyncio.Event(), asyncio.Event()
        self._link = Link(
            self._url,
            token,
            self._session,
            random.random,
            codec=CODECS[codec],
            decoder=decoder or CODECS[codec].decode,
            on_opened=lambda token: self._perform(self._session.opened(token, now_ms=self._link.now_ms)),
            on_message=self._receive,
            on_turn=lambda: self._perform(self._session.tick(self._link.now_ms)),
            proxy=proxy,
            ssl=ssl,
        )

    async def __aenter__(self) -> Self:
        """Connect. Raises ``Refused`` (bad token), ``Closed`` (turned away) or ``Unreachable``."""
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        self._runner = self._group.create_task(self._run())
        try:
            async with asyncio.timeout(self._open_timeout_s):
                await self._ready.wait()
            if self._failure is not None:
                raise self._failure
        except TimeoutError:
            await self._leave()
            fault = self._link.last_fault
            raise Unreachable(f"{self._url} within {self._open_timeout_s} s: {fault!r}") from fault
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect. Gifts that are not settled by then end as ``OutcomeUnknown``."""
        await self._leave()

    async def ended(self) -> LivegiftError:
        """Wait until there is no point in going on, and return why: ``Closed``, or ``Refused`` for the token."""
        await self._ended.wait()
        assert self._failure is not None
        return self._failure

    @property
    def is_connected(self) -> bool:
        """Whether the server knows us right now."""
        return self._session.is_ready

    @property
    def reconnects(self) -> int:
        """Connections after the first."""
        return max(0, self._link.connections - 1)

    @property
    def unsettled(self) -> int:
        """Gifts on their way."""
        return self._session.outbox.unsettled

    async def send(
        self,
        *,
        room: str,
        gift: str,
        price_coins: int,
        count: int = 1,
        to: str | None = None,
        message: str | None = None,
        anonymous: bool = False,
        gift_event_id: str | None = None,
    ) -> Receipt:
        """Send ``count`` gifts of ``price_coins`` each and wait until they are charged.

        ``price_coins`` is the price that the sender saw; another price now in force is refused. ``to`` is the
        receiver's id, the room's creator if None. Pass a ``gift_event_id`` to ask what became of an earlier send.
        The gift is sent again, under the same id, until its fate is known. Raises ``Refused``, ``OutcomeUnknown``
        (15 minutes without an answer), ``OutboxFull`` or ``Closed``.
        """
        receipt = self.post(
            Send(
                id=0,
                room=room,
                gift_event_id=gift_event_id or self.new_gift_id(),
                gift=gift,
                price_coins=price_coins,
                count=count,
                to=to,
                message=message,
                anonymous=anonymous,
            )
        )
        return await receipt.accepted()

    def post(self, send: Send, on_change: Callable[[Receipt], None] | None = None) -> Receipt:
        """Send without waiting; ``send.id`` is ignored. Raises ``OutboxFull``, ``Closed``, and ``ValueError`` for an
        id that is on its way.
        """
        self._check_open()
        effects = self._session.post(send, now_ms=self._link.now_ms)
        receipt = self._receipts.issue(send.gift_event_id, on_change)
        self._perform(effects)
        return receipt

    def new_gift_id(self) -> str:
        """Return a new id for a send, on the server's time."""
        return self._session.new_gift_id(self._link.now_ms)

    def subscribe(self, room: str, feed: FeedKind = "viewer") -> Subscription:
        """Follow a room; see ``Subscription``. ``creator`` is the lossless feed of the room's own creator."""
        return Subscription(
            Feed(room, feed), start=self._start, stop=lambda it: self.unfollow(it.feed), hold_back=self._link.hold_back
        )

    def follow(self, feed: Feed, follower: Follower) -> None:
        """Follow a room without a queue: ``follower`` is called at once. Raises ``ValueError`` if it is followed."""
        self._check_open()
        effects = self._session.follow(feed, now_ms=self._link.now_ms)
        self._followers[id(feed)] = follower
        self._perform(effects)

    def unfollow(self, feed: Feed) -> None:
        """End a subscription; safe to repeat."""
        self._perform(self._session.unfollow(feed))
        follower = self._followers.pop(id(feed), None)
        if follower is not None:
            follower.ended(None)

    def drop(self) -> None:
        """Lose the connection as a network would, without a word; the client comes back as ever. For tests and bots."""
        self._link.drop()

    def _start(self, subscription: Subscription) -> None:
        self.follow(subscription.feed, subscription)

    async def _run(self) -> None:
        try:
            await self._link.run()
        except LivegiftError as error:
            self._end(error)

    async def _renew(self) -> None:
        token = await self._link.fresh_token()
        if token is not None:
            self._perform(self._session.refresh(token))

    async def _leave(self) -> None:
        """Runs in the task that entered; the body's own exception goes on as it is, so the group isn't told of it."""
        try:
            self._failure = self._failure or Closed(None, "the client was left")
            await self._link.close()
        finally:
            self._runner.cancel()
            if self._renewal is not None:
                self._renewal.cancel()
            await self._group.__aexit__(None, None, None)
            self._end(None)

    def _end(self, error: LivegiftError | None) -> None:
        """Tell everyone who waits."""
        if error is not None:
            self._failure = error
        self._ready.set()
        self._ended.set()
        self._receipts.void(str(error or "the client was left"))
        for follower in list(self._followers.values()):
            follower.ended(error)
        self._followers = {}

    def _check_open(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _receive(self, message: AnyMessage) -> None:
        if self._observe is not None and isinstance(message, RoomFrame | Subscribed | SnapshotPush):
            self._observe(message)
        self._perform(self._session.receive(message, now_ms=self._link.now_ms))

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Deliver():
                    self._followers[id(effect.feed)].deliver(effect.feed, effect.items)
                case Transmit():
                    self._link.transmit(effect.frame)
                case GiftAccepted() | GiftSettled() | GiftFailed():
                    self._receipts.note(effect)
                case BalanceMoved():
                    self._note_balance(effect)
                case FeedEnded():
                    self._followers.pop(id(effect.feed)).ended(effect.error)
                case Hangup():
                    self._link.hang_up(after_ms=effect.after_ms, is_spread=effect.is_spread)
                case RenewToken():
                    if self._renewal is None or self._renewal.done():
                        self._renewal = self._group.create_task(self._renew())
                case Fatal():
                    self._link.give_up(effect.error)
                case Ready():
                    self.user = effect.user
                    self._ready.set()
        self._link.arm()

    def _note_balance(self, effect: BalanceMoved) -> None:
        is_news = effect.balance != self.balance
        self.balance = effect.balance
        if is_news and self._on_balance is not None:
            self._on_balance(effect.balance, effect.reason)


connect = Client
"""``async with livegift_client.connect(url, token) as client: …``"""
