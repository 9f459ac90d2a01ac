"""What all connections of one edge process share."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from livegift.clock import monotonic_ms, now_ms
from livegift.config import Config
from livegift.domain.cursor import Cursors
from livegift.domain.moderation import EVERYWHERE, Sanction
from livegift.edge.admission import Admission
from livegift.edge.keyring import Keyring
from livegift.edge.limits import Limits
from livegift.edge.revocations import Revocations
from livegift.edge.sanctions import Sanctions
from livegift.edge.turnstile import Turnstile
from livegift.edge.wheel import Wheel
from livegift.filters import Clean
from livegift.gifting import Gifting
from livegift.hooks.settings import NamedHook
from livegift.hub.hub import Hub
from livegift.identity.claims import SENDING_ROLES, Claims, TokenRefused
from livegift.identity.identity import Identity
from livegift.identity.oidc import Oidc
from livegift.store.book import Book
from livegift.store.moderation import Moderation
from livegift.store.platform import Platform, Revocation
from livegift.store.stream_rooms import StreamRooms
from livegift.telemetry import Counters
from livegift.wire.session import error

if TYPE_CHECKING:
    from livegift.edge.connection import Connection
    from livegift.edge.event_stream import EventStream

ROOM_READY_MS = 5_000
POLL_S = 0.02


@dataclass(slots=True)
class EdgeContext:
    """One edge process. ``people`` finds a user's connections, for what concerns them alone."""

    config: Config
    secret: bytes
    limits: Limits
    identity: Identity
    oidc: Oidc | None
    clean: Clean
    platform: Platform
    keyring: Keyring
    revocations: Revocations
    moderation: Moderation
    sanctions: Sanctions
    stream_rooms: StreamRooms
    hooks: dict[str, NamedHook]
    gifting: Gifting
    book: Book
    hub: Hub
    cursors: Cursors
    wheel: Wheel
    admission: Admission
    tasks: asyncio.TaskGroup
    counters: Counters
    turnstile: Turnstile = field(default_factory=Turnstile)
    connections: "set[Connection]" = field(default_factory=set)
    people: "dict[str, tuple[Connection, ...]]" = field(default_factory=dict)
    streams: "set[EventStream]" = field(default_factory=set)
    is_draining: bool = False
    """It is about to leave: not ready, and nobody new is let in."""
    is_flushing: bool = False
    """It takes no more gifts, and waits for those it has accepted."""

    def __post_init__(self) -> None:
        self.revocations.on_revoked(self._end_sessions)
        self.sanctions.on_ban(self._put_out)

    async def claims(self, token: str) -> Claims:
        """Return what a token says; raises ``TokenRefused``."""
        claims = await self.identity.verify(token, now_ms())
        self.insist(claims)
        return claims

    def insist(self, claims: Claims) -> None:
        """Raise ``TokenRefused`` for a good token that was revoked, or whose user is banned everywhere.

        To be asked again after whatever was waited for meanwhile: who is not among ``people`` yet is not put out.
        """
        if self.revocations.ends(claims):
            raise TokenRefused("token_expired", "revoked")
        if self.sanctions.holds("ban", claims.user, EVERYWHERE):
            raise TokenRefused("banned")

    def bar(self, user_id: str, room_id: str, *, has_message: bool) -> str | None:
        """Return the code with which a moderator keeps this user from sending there, or None."""
        if self.sanctions.holds("ban", user_id, room_id):
            return "banned"
        return "muted" if has_message and self.sanctions.holds("mute", user_id, room_id) else None

    def bar_of(self, claims: Claims, room_id: str, *, has_message: bool) -> str | None:
        """Return the code with which their token or a moderator keeps somebody from sending there, or None."""
        if claims.role not in SENDING_ROLES or not claims.may_enter(room_id):
            return "not_allowed"
        if self.config.adults_only and claims.is_adult is not True:
            return "adults_only"
        return self.bar(claims.user, room_id, has_message=has_message)

    def _end_sessions(self, revoked: Revocation) -> None:
        for connection in self.people.get(revoked.user_id, ()):
            if connection.claims is not None and self.revocations.ends(connection.claims):
                connection.close(4502, "the token has been revoked")
        self._end_streams(revoked.user_id)

    def _end_streams(self, user_id: str) -> None:
        for stream in [one for one in self.streams if one.person == user_id]:
            stream.end()

    def _put_out(self, ban: Sanction) -> None:
        if ban.room_id == EVERYWHERE:
            self._end_streams(ban.user_id)
        for connection in self.people.get(ban.user_id, ()):
            if ban.room_id == EVERYWHERE:
                connection.close(4403, "banned")
            elif ban.room_id in connection.rooms:
                connection.leave(ban.room_id)
                connection.send(error(None, "banned", f"You have been put out of room {ban.room_id}."))

    def remember(self, user_id: str, connection: "Connection") -> None:
        """Note a user's connection. Most have one: a tuple weighs a quarter of a set."""
        self.people[user_id] = (*self.people.get(user_id, ()), connection)

    def forget(self, user_id: str, connection: "Connection") -> None:
        """Forget a user's connection; safe to repeat."""
        rest = tuple(one for one in self.people.pop(user_id, ()) if one is not connection)
        if rest:
            self.people[user_id] = rest

    async def room_ready(self, room_id: str) -> bool:
        """Wait until the announcer has made a new room's state; False if it does not within 5 s."""
        until = monotonic_ms() + ROOM_READY_MS
        while await self.hub.view_of(room_id) is None:
            if monotonic_ms() > until:
                return False
            await asyncio.sleep(POLL_S)
        return True

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` as a task of this process; it must not raise."""
        self.tasks.create_task(work)
