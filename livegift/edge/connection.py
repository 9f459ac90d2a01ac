"""One WebSocket connection, as an ``asyncio.Protocol`` that uvicorn hands the upgrade to. ``Outlet`` writes.

websockets' Sans-I/O protocol does handshake, parsing, control frames and closing. It is needed only while a frame is
being read: frames are split by ``framing.whole_frames``, parsed, and the parser is let go, so an idle connection holds
neither parser nor buffer. Commands are carried out one after the other by a task that lives while there are any.
"""

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import structlog
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol
from websockets.server import ServerProtocol

from livegift.clock import monotonic_ms
from livegift.clock import now_ms as wall_ms
from livegift.edge.commands import authenticate, perform
from livegift.edge.framing import whole_frames
from livegift.edge.gift_news import GiftNews
from livegift.edge.handshake import answer, handshake_parser
from livegift.edge.heartbeat import Heartbeat
from livegift.errors import Fault
from livegift.hub.frames import framed
from livegift.identity.claims import Claims
from livegift.wire.codec import CODECS, JSON, Codec, Unreadable
from livegift.wire.messages import Message, Send
from livegift.wire.session import Authenticate, Close, Effect, Perform, Reply, Session, error

if TYPE_CHECKING:
    from livegift.edge.context import EdgeContext

WORK_LOW = 16
"""Waiting commands at which a socket that had not been read is read again."""
WORK_MAX = 64
"""Commands of one connection that wait; at the bound its socket is not read, and TCP tells the client."""
BEAT = 5
"""A ping or a pong costs as much of a connection's budget as so many commands: nobody needs many."""
CLOSING_MS = 2_000
"""How long a peer may take to answer our close before the socket goes."""

NOTHING: Mapping[str, str] = {}
log = structlog.get_logger(__name__)


class Connection(GiftNews, Heartbeat):
    """A client. ``context`` is set on a subclass made for the process (see ``bind``)."""

    context: ClassVar["EdgeContext"]

    __slots__ = (
        "_address",
        "_closing_at_ms",
        "_fragments",
        "_parser",
        "_peer",
        "_session",
        "_since_ms",
        "_state",
        "_tail",
        "_whole_at_ms",
        "_work",
        "_working",
        "claims",
        "codec",
        "rooms",
    )

    def __init__(self, *, app_state: Mapping[str, str] = NOTHING, **_: Any) -> None:  # of uvicorn's we need the peer
        super().__init__()
        self._peer: str | None = app_state.get("peer", "")
        self._address: str | None = None  # that it is counted for
        self._whole_at_ms = 0  # when its budget of frames is
        self.codec: Codec = JSON
        self.claims: Claims | None = None
        self.rooms: tuple[str, ...] = ()
        self._parser: Protocol | None = None
        self._session: Session | None = None
        self._state = "handshake"
        self._tail: bytearray | None = None
        self._fragments: bytearray | None = None
        self._work: deque[Effect] | None = None
        self._working = False
        self._since_ms = monotonic_ms()
        self._closing_at_ms = 0

    # --- the transport's calls ---

    def data_received(self, data: bytes) -> None:
        """Take bytes: the upgrade request, then frames."""
        if self._state == "handshake":
            self._tail = bytearray(data)
            self._state = "queued"
            self.context.turnstile.enter(self._handshake)
            return
        if self._state == "queued":
            assert self._tail is not None
            self._tail += data
            if len(self._tail) > self.context.config.frame_bytes_max:
                self._abort()  # nobody may speak before the answer, and nobody needs as much
            return
        if self._state == "gone":
            return
        unread: bytes | bytearray = data
        if self._tail is not None:
            self._tail += data
            unread = self._tail
        start, most = 0, self.context.config.frame_bytes_max
        while (end := whole_frames(unread, payload_bytes_max=most, start=start)) > start and not self._is_shunned:
            self._parse(bytes(unread[start:end]))
            start = end
        keep = start < len(unread) and self._state != "gone" and not self._is_shunned
        self._tail = bytearray(unread[start:]) if keep else None

    @property
    def _is_shunned(self) -> bool:
        """Whether it was closed for abuse: who floods goes on, and reading it would cost us more than it costs them."""
        return self._state == "closing" and self._transport is not None and not self._transport.is_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """Let go of everything."""
        super().connection_lost(error)
        self._state = "gone"
        self._parser = self._tail = self._fragments = self._work = None
        context = self.context
        context.connections.discard(self)
        if self._address is not None:
            context.limits.addresses.leave(self._address)
        for room_id in self.rooms:
            context.hub.leave(self, room_id)
        if self.claims is not None:
            context.forget(self.claims.user, self)

    def resume_writing(self) -> None:
        """The peer has taken everything: where frames were skipped it gets a snapshot."""
        super().resume_writing()
        if self.context.hub.lags(self, self.rooms):
            self.context.spawn(self._catch_up())

    # --- reading ---

    def _handshake(self) -> bool:
        if self._state != "queued":
            return False  # it has gone before its turn came
        assert self._tail is not None
        self._parser = parser = self._parser or handshake_parser(frame_bytes_max=self.context.config.frame_bytes_max)
        assert isinstance(parser, ServerProtocol)
        parser.receive_data(bytes(self._tail))
        self._tail = None
        context = self.context
        base, peer = context.config.base_path, self._peer or ""
        self._address = answer(parser, context.limits, peer, base_path=base, is_draining=context.is_draining)
        self._send_parsers_bytes(parser)
        if parser.state is OPEN:
            self.codec = CODECS.get(parser.subprotocol or "", JSON)
            self._parser = self._peer = None
            self._session = Session()
            self._state = "open"
            self._since_ms = monotonic_ms()
            self.context.connections.add(self)
            self.context.wheel.add(self, self._since_ms + self.context.config.connect_ms)
        elif parser.handshake_exc is not None:
            self._end()
        else:
            self._state = "handshake"  # the rest of the request is still to come
        return True

    def _parse(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:
            parser = self._parser = Protocol(SERVER, state=OPEN, max_size=self.context.config.frame_bytes_max)
        parser.receive_data(data)
        for event in parser.events_received():
            assert isinstance(event, Frame)
            self._take_frame(event)
        self._send_parsers_bytes(parser)
        # Between two fragments of a message the parser must live; a closing handshake it sees to the end.
        if self._state == "open" and parser.state is OPEN and parser.current_size is None:
            self._parser = None

    def _send_parsers_bytes(self, parser: Protocol) -> None:
        pieces = parser.data_to_send()
        if data := b"".join(pieces):
            self.put(data)
        if b"" in pieces:  # its way to say that nothing follows
            self._end()

    def _take_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            self._pong_due_ms = 0
        if self._state != "open":
            return
        is_beat = frame.opcode in (Opcode.PING, Opcode.PONG)
        self._whole_at_ms, early_ms = self.context.limits.frames.take(self._whole_at_ms, BEAT if is_beat else 1)
        if early_ms and (is_beat or frame.opcode is Opcode.CONT or not frame.fin):
            self.close(4400, "too many frames")
            return
        if is_beat or frame.opcode is Opcode.CLOSE:
            return
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY) and (frame.opcode is Opcode.TEXT) != self.codec.is_text:
            self.close(1003, "this subprotocol has no such frames")
            return
        if frame.opcode is Opcode.CONT or not frame.fin:
            # Bytes, not a list of pieces: the parser bounds a message's bytes, but not how many fragments are empty.
            self._fragments = bytearray() if self._fragments is None else self._fragments
            self._fragments += frame.data
            if not frame.fin:
                return
            message, self._fragments = bytes(self._fragments), None
        else:
            message = bytes(frame.data)
        self._take_message(message, early_ms)

    def _take_message(self, message: bytes, early_ms: int) -> None:
        if self.codec.is_text:
            try:
                message.decode()
            except UnicodeDecodeError:
                self.close(1007, "text frames must be UTF-8")
                return
        self.context.counters.add("commands_total")
        assert self._session is not None
        command = self.codec.decode_command(message)
        if early_ms and not isinstance(command, Send | Unreadable):  # sends have a limit of their own
            self._enqueue(Reply(error(command.id, "rate_limited", retry_after_ms=early_ms)))
            return
        for effect in self._session.receive(command, now_ms=monotonic_ms()):
            self._enqueue(effect)

    # --- carrying out ---

    def _enqueue(self, effect: Effect) -> None:
        if self._work is None:
            self._work = deque()
        self._work.append(effect)
        if len(self._work) >= WORK_MAX and self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
        if not self._working:
            self._working = True
            self.context.spawn(self._carry_out())

    async def _carry_out(self) -> None:
        try:
            while self._work and self._state == "open":
                await self._do(self._work.popleft())
                self._read_on()
        except Exception:
            # One of the three borders: a bug in one connection's command ends that connection, loudly.
            log.exception("command_failed", user=self.claims.user if self.claims else None)
            self.context.counters.add("commands_failed_total")
            self.close(1011, "this server has a bug")
        finally:
            self._working = False
            if not self._work:
                self._work = None

    def _read_on(self) -> None:
        if self._state != "open":
            return
        transport, waiting = self._transport, len(self._work or ())
        if waiting <= WORK_LOW and transport is not None and not transport.is_closing() and not transport.is_reading():
            transport.resume_reading()

    async def _do(self, effect: Effect) -> None:
        match effect:
            case Reply(message):
                self.send(message)
            case Close(code, reason):
                self.close(code, reason)
            case Authenticate(command):
                await self.context.turnstile.passed(lambda: self.is_open)
                await authenticate(self, command)
            case Perform(command) if (refusal := self.session.refusal_of(command)) is not None:
                self.send(error(command.id, refusal))
            case Perform(command):
                await perform(self, command)

    async def _catch_up(self) -> None:
        try:
            await self.context.hub.caught_up(self, self.rooms)
        except Fault as fault:
            log.info("catch_up_waits", why=str(fault))  # the hub tries again with its next look at the rooms

    def become(self, claims: Claims) -> None:
        """Take the token's word for who this is, and for how long."""
        if self._session is not None and self._state == "open":
            self._session.authenticated()
            self.claims = claims
            self._since_ms = self._whole_at_ms = 0  # they have served, and their numbers are 32 bytes each
            self.context.remember(claims.user, self)
            self._ping_at_ms = monotonic_ms() + self.context.config.ping_ms
            self.context.wheel.add(self, self._ping_at_ms)

    def renew(self, claims: Claims) -> None:
        """Take a newer token's word; it may be good for fewer rooms."""
        self.session.authenticated()
        self.claims = claims
        for room in self.rooms:
            if not claims.may_enter(room):
                self.leave(room)
                self.send(error(None, "not_allowed", f"The new token is not good for room {room}."))

    def leave(self, room_id: str) -> None:
        """Follow a room no more."""
        self.rooms = tuple(room for room in self.rooms if room != room_id)
        self.context.hub.leave(self, room_id)

    def carry_out(self, effects: list[Effect]) -> None:
        """Carry out what the session says about a token."""
        for effect in effects:
            if isinstance(effect, Reply):
                self.send(effect.message)
            elif isinstance(effect, Close):
                self.close(effect.code, effect.reason)

    @property
    def person(self) -> str:
        """Whose connection it is."""
        assert self.claims is not None, "only who has said who they are watches a room"
        return self.claims.user

    @property
    def is_open(self) -> bool:
        """Whether the client can still be spoken to."""
        return self._state == "open"

    @property
    def session(self) -> Session:
        """The conversation's state; only while the connection is open."""
        assert self._session is not None
        return self._session

    # --- writing ---

    def send(self, message: Message) -> None:
        """Send a message to this client alone."""
        self.write(framed(self.codec, message))

    def write(self, frame: bytes) -> None:
        """Send a whole frame, after those before it; nothing if the client has gone."""
        if self._state == "open":
            self.put(frame)

    def close(self, code: int, reason: str) -> None:
        """Say goodbye with this code, after what was written, and wait a moment for the answer."""
        if self._state != "open":
            return
        parser = self._parser
        if parser is None or parser.state is not OPEN:
            parser = self._parser = Protocol(SERVER, state=OPEN, max_size=self.context.config.frame_bytes_max)
        parser.fail(code, reason) if code == 1009 else parser.send_close(code, reason)
        self._state = "closing"
        self._closing_at_ms = monotonic_ms() + CLOSING_MS
        self._send_parsers_bytes(parser)
        self._shut()
        if code == 4400 and self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
        self.context.wheel.add(self, self._closing_at_ms)
        self.context.counters.add("closed_total")

    # --- time ---

    def tick(self, now_ms: int) -> int | None:
        """Do what is due: no connect, a ping, no pong, a token's end, no answer to our close."""
        config = self.context.config
        if self._state == "gone" or self._transport is None:
            return None
        if self._state == "closing":
            if now_ms >= self._closing_at_ms:
                self._abort()
                return None
            return self._closing_at_ms
        if self.claims is None:
            due_ms = self._since_ms + config.connect_ms
            if self._working:
                return now_ms + config.connect_ms  # it has said so, and what takes so long is ours
            if now_ms >= due_ms:
                self.close(4408, "no connect in time")
                return None
            return due_ms
        return self._tick_connected(now_ms, self.claims)

    def _tick_connected(self, now_ms: int, claims: Claims) -> int | None:
        config = self.context.config
        left_ms = claims.expires_ms - wall_ms()
        if left_ms + config.connect_ms <= 0:
            self.close(4502, "the token has ended")
            return None
        if left_ms <= 0:
            self.carry_out(self.session.token_ended())
            left_ms += config.connect_ms  # as long as a newcomer has for its first one
        due_ms = self._beat(now_ms, ping_ms=config.ping_ms, pong_ms=config.pong_ms)
        return None if due_ms is None else min(due_ms, now_ms + left_ms)


def bind(context: "EdgeContext") -> type[Connection]:
    """Return the class to give to uvicorn: connections of this process."""
    return type("BoundConnection", (Connection,), {"context": context, "__slots__": ()})
