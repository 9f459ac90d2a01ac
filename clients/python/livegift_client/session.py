"""The protocol core: frames and times in, effects out. No socket, no clock, no task.

One session outlives many connections. Per connection: ``opened`` → ``receive``… → ``lost``. On every new one it
subscribes again from where each feed stands and sends every unsettled gift again under its old id. ``now_ms`` is
monotonic throughout; the server's time is derived from it (see ids.py).
"""

from collections.abc import Callable

import msgspec

from livegift_client.commands import Command, Connect, Refresh, Send, Subscribe, Unsubscribe, encode_json
from livegift_client.effects import (
    BalanceMoved,
    Deliver,
    Effect,
    Fatal,
    FeedEnded,
    Hangup,
    Ready,
    RenewToken,
    Transmit,
)
from livegift_client.errors import OutcomeUnknown, Refused
from livegift_client.feed import Feed, Phase
from livegift_client.ids import ServerClock, uuid7, uuid7_ms
from livegift_client.messages import (
    Accepted,
    AnyMessage,
    Connected,
    Error,
    ErrorInfo,
    Missed,
    Reconnect,
    Refreshed,
    RoomFrame,
    RoomMessage,
    Settled,
    SnapshotPush,
    Subscribed,
    ViewersPush,
    WalletPush,
)
from livegift_client.outbox import ANSWER_WAIT_MS, RETRY_DEFAULT_MS, Outbox, Outgoing

CONNECTION_CODES = frozenset({"not_connected", "bad_token", "token_expired"})
"""Refusals that are about the connection: a gift answered so is asked about again on the next one."""
CONNECT_ID = 0
SUBSCRIBE_WAIT_MS = 10_000
"""A subscribe without an answer for this long is sent again."""
RENEW_BEFORE_MS = 30_000
"""A token is renewed this long before it ends."""
RENEW_AGAIN_MS = 10_000
"""A renewal that brought no ``refreshed`` is tried again after this long; if none does, the server closes with 4502."""
RENEW_SOONEST_MS = 1_000
"""Even a token that lasts for seconds is not renewed more often."""


class Session:
    """The state of one client. ``chance`` returns a float in [0, 1); ``encode`` is its codec's.

    ``renews``: a token that ends soon can be replaced, so ``RenewToken`` is asked for.
    """

    def __init__(
        self,
        chance: Callable[[], float],
        encode: Callable[[Command], bytes] = encode_json,
        *,
        renews: bool = False,
    ) -> None:
        self.clock = ServerClock()
        self.outbox = Outbox(chance)
        self.feeds: dict[str, Feed] = {}
        self.is_ready = False
        self._chance, self._encode = chance, encode
        self._renews = renews
        self._renew_at_ms: float | None = None
        self._last_id = CONNECT_ID
        self._asked: dict[int, Feed | str] = {}
        self._patience_ends_ms: float | None = None

    # --- the connection's life ------------------------------------------------------------------------------

    def opened(self, token: str, *, now_ms: float) -> list[Effect]:
        """A socket stands: introduce ourselves."""
        self._asked.clear()
        self._patience_ends_ms = now_ms + ANSWER_WAIT_MS
        return [Transmit(self._encode(Connect(id=CONNECT_ID, token=token)))]

    def lost(self) -> None:
        """The socket is gone."""
        self.is_ready = False
        self._patience_ends_ms = self._renew_at_ms = None
        self._asked.clear()
        self.outbox.offline()
        for feed in self.feeds.values():
            feed.phase, feed.due_ms = Phase.WAITING, None

    def tick(self, now_ms: float) -> list[Effect]:
        """Do what has become due; to be called at ``next_due_ms``."""
        effects: list[Effect] = []
        if self._patience_ends_ms is not None and self._patience_ends_ms <= now_ms:
            self._patience_ends_ms = None
            effects.append(Hangup(0))
        if self._renew_at_ms is not None and self._renew_at_ms <= now_ms:
            self._renew_at_ms = now_ms + RENEW_AGAIN_MS
            effects.append(RenewToken())
        for gift in self.outbox.pop_due(now_ms):
            if now_ms >= gift.expires_ms:
                why = "not known to be settled when its id's window of 15 minutes ended"
                error = OutcomeUnknown(gift.send.gift_event_id, why)
                effects += self.outbox.failed(gift.send.gift_event_id, error)
            elif self.is_ready:
                effects.append(self._transmit_gift(gift, now_ms))
        if self.is_ready:
            for feed in self.feeds.values():
                if feed.due_ms is not None and feed.due_ms <= now_ms:
                    effects.append(self._subscribe(feed, now_ms))
        return effects

    @property
    def next_due_ms(self) -> float | None:
        """When ``tick`` has something to do next; None: never."""
        due = [self.outbox.next_due_ms, self._patience_ends_ms, self._renew_at_ms]
        if self.is_ready:
            due += [feed.due_ms for feed in self.feeds.values()]
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    # --- what the user wants --------------------------------------------------------------------------------

    def new_gift_id(self, now_ms: float) -> str:
        """Return a new id on the server's time. The session must have been connected once."""
        return uuid7(self.clock.now_ms(now_ms))

    def post(self, send: Send, *, now_ms: float) -> list[Effect]:
        """Send a gift, now or as soon as there is a connection. Raises ``OutboxFull`` and ``ValueError``."""
        age_ms = self.clock.now_ms(now_ms) - uuid7_ms(send.gift_event_id) if self.clock.is_set else 0
        gift = self.outbox.post(send, id_age_ms=age_ms, now_ms=now_ms)
        if self.is_ready:
            return [self._transmit_gift(gift, now_ms)]
        self.outbox.hold(gift)
        return []

    def follow(self, feed: Feed, *, now_ms: float) -> list[Effect]:
        """Subscribe. Raises ``ValueError`` for a room that is followed: a connection has one feed of it."""
        if feed.room in self.feeds:
            raise ValueError(f"room {feed.room} is followed already, as {self.feeds[feed.room].feed}")
        self.feeds[feed.room] = feed
        return [self._subscribe(feed, now_ms)] if self.is_ready else []

    def unfollow(self, feed: Feed) -> list[Effect]:
        """End a subscription; safe to repeat."""
        if self.feeds.get(feed.room) is not feed:
            return []
        del self.feeds[feed.room]
        if not self.is_ready:
            return []
        return [Transmit(self._encode(Unsubscribe(id=self._next_id(), room=feed.room)))]

    def refresh(self, token: str) -> list[Effect]:
        """Replace the connection's token; without a connection the next one brings its own."""
        return [Transmit(self._encode(Refresh(id=self._next_id(), token=token)))] if self.is_ready else []

    # --- what the server says -------------------------------------------------------------------------------

    def receive(self, message: AnyMessage, *, now_ms: float) -> list[Effect]:
        """Apply one message."""
        match message:
            case RoomFrame() | Missed() | SnapshotPush():
                return self._deliver(message, now_ms)
            case Subscribed():
                is_ours = self._asked.pop(message.id, None) is self.feeds.get(message.room)
                return self._deliver(message, now_ms) if is_ours else []
            case ViewersPush():
                if (feed := self.feeds.get(message.room)) is not None:
                    feed.state.viewers = message.viewers
            case Accepted():
                if message.id is not None:
                    self._asked.pop(message.id, None)
                return self.outbox.accepted(message)
            case Settled():
                return [effect for gift in message.gifts for effect in self.outbox.settled(gift)]
            case Error():
                return self._error(message, now_ms)
            case Connected():
                return self._connected(message, now_ms)
            case WalletPush():
                return [BalanceMoved(message.balance, message.reason)]
            case Reconnect():
                return [Hangup(message.after_ms, is_spread=True)]
            case Refreshed():
                self._renew_before(message.expires_ms, now_ms)
        return []

    def _deliver(self, message: RoomMessage, now_ms: float) -> list[Effect]:
        feed = self.feeds.get(message.room)
        if feed is None:
            return []
        items = feed.receive(message, now_ms=now_ms)
        if isinstance(message, Missed) and feed.phase is Phase.ASKED:
            feed.due_ms = now_ms + SUBSCRIBE_WAIT_MS  # the answer is on its way behind them
        return [Deliver(feed, items)] if items else []

    def _connected(self, message: Connected, now_ms: float) -> list[Effect]:
        self.clock.set(message.server_time_ms, at_ms=now_ms)
        self.is_ready, self._patience_ends_ms = True, None
        self._renew_before(message.expires_ms, now_ms)
        effects: list[Effect] = [Ready(message.user)]
        if message.balance is not None:
            effects.append(BalanceMoved(message.balance, ""))
        # Money first: a gift that was cut off is older than anything that could be shown.
        effects += [self._transmit_gift(gift, now_ms) for gift in self.outbox.resend_all(now_ms=now_ms)]
        effects += [self._subscribe(feed, now_ms) for feed in self.feeds.values()]
        return effects

    def _renew_before(self, expires_ms: int | None, now_ms: float) -> None:
        if self._renews and expires_ms is not None:
            left_ms = expires_ms - self.clock.now_ms(now_ms)
            self._renew_at_ms = now_ms + max(RENEW_SOONEST_MS, left_ms - RENEW_BEFORE_MS)

    def _error(self, message: Error, now_ms: float) -> list[Effect]:
        about = self._asked.pop(message.id, None) if message.id is not None else None
        if message.id == CONNECT_ID and not self.is_ready:
            return self._connect_refused(message.error)
        if isinstance(about, Feed):
            return self._feed_refused(about, message.error, now_ms)
        gift = self.outbox.get(message.gift_event_id or about)
        return self._gift_refused(gift, message.error, now_ms) if gift is not None else []

    def _connect_refused(self, error: ErrorInfo) -> list[Effect]:
        if error.temporary:
            self._patience_ends_ms = None
            return [Hangup(error.retry_after_ms or RETRY_DEFAULT_MS)]
        return [Fatal(Refused.of(error))]

    def _feed_refused(self, feed: Feed, error: ErrorInfo, now_ms: float) -> list[Effect]:
        if self.feeds.get(feed.room) is not feed:
            return []
        feed.phase = Phase.WAITING
        if error.temporary or error.code in CONNECTION_CODES:
            # As with gifts: up to half as much more, so that a room's crowd doesn't come back as one.
            feed.due_ms = now_ms + (error.retry_after_ms or RETRY_DEFAULT_MS) * (1 + self._chance() / 2)
            return []
        if error.code == "bad_request" and feed.cursor is not None:
            # The server can't read the cursor any more, say after a restored backup: a snapshot is all there is.
            feed.forget_place()
            return [self._subscribe(feed, now_ms)]
        del self.feeds[feed.room]
        return [FeedEnded(feed, Refused.of(error))]

    def _gift_refused(self, gift: Outgoing, error: ErrorInfo, now_ms: float) -> list[Effect]:
        if error.temporary or error.code in CONNECTION_CODES:
            self.outbox.put_off(gift, retry_after_ms=error.retry_after_ms, now_ms=now_ms)
            return []
        if error.now_ms is not None:
            # A bad_id names the server's time: this gift failed, the next id will be right.
            self.clock.set(error.now_ms, at_ms=now_ms)
        return self.outbox.failed(gift.send.gift_event_id, Refused.of(error))

    # --- writing --------------------------------------------------------------------------------------------

    def _transmit_gift(self, gift: Outgoing, now_ms: float) -> Transmit:
        self.outbox.sent(gift, now_ms=now_ms)
        numbered = msgspec.structs.replace(gift.send, id=self._next_id())
        self._asked[numbered.id] = gift.send.gift_event_id
        return Transmit(self._encode(numbered))

    def _subscribe(self, feed: Feed, now_ms: float) -> Transmit:
        feed.phase, feed.due_ms = Phase.ASKED, now_ms + SUBSCRIBE_WAIT_MS
        command = Subscribe(id=self._next_id(), room=feed.room, since=feed.since, feed=feed.feed)
        self._asked[command.id] = feed
        return Transmit(self._encode(command))

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id
