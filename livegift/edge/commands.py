"""What each command of a connected client does. A refusal or a fault is an answer; only a bug raises."""

from functools import lru_cache
from typing import TYPE_CHECKING

from livegift.clock import now_ms
from livegift.domain.cursor import BadCursor
from livegift.domain.refusal import Refusal
from livegift.edge.answers import accepted, faulted, refused
from livegift.errors import Fault, Unavailable
from livegift.gifting import SendGift
from livegift.identity.claims import TokenRefused
from livegift.wire.messages import (
    AnyCommand,
    Connect,
    Connected,
    Ping,
    Refresh,
    Refreshed,
    Send,
    Subscribe,
    Unsubscribe,
    Unsubscribed,
    User,
)
from livegift.wire.session import error, pong

if TYPE_CHECKING:
    from livegift.edge.connection import Connection

ROOMS_MAX = 20
"""Rooms that one connection may follow."""


async def authenticate(connection: "Connection", command: Connect) -> None:
    """Answer ``connect``: who the client is and what they own."""
    context = connection.context
    try:
        claims = await context.claims(command.token)
        balance = await context.gifting.balance(claims.user)
        context.insist(claims)
    except TokenRefused as no:
        connection.carry_out(connection.session.refused(command, no.code))
        return
    except Fault as fault:
        connection.session.state = "new"  # the client may try again on this connection
        connection.send(faulted(command.id, fault))
        return
    most = context.config.user_connections_max
    if most and len(context.people.get(claims.user, ())) >= most:
        connection.session.state = "new"
        connection.send(error(command.id, "rate_limited", f"This user has {most} connections.", retry_after_ms=5_000))
        return
    connection.become(claims)
    connection.send(
        Connected(
            id=command.id,
            user=User(claims.user, claims.name),
            balance=balance,
            server_time_ms=now_ms(),
            expires_ms=claims.expires_ms,
            ping_ms=context.config.ping_ms,
        )
    )


async def perform(connection: "Connection", command: AnyCommand) -> None:
    """Carry out a command; its answer has been sent when this returns."""
    try:
        match command:
            case Send():
                await _send(connection, command)
            case Subscribe():
                await _subscribe(connection, command)
            case Unsubscribe():
                connection.leave(command.room)
                connection.send(Unsubscribed(id=command.id, room=command.room))
            case Refresh():
                await _refresh(connection, command)
            case Ping():
                connection.send(pong(command, now_ms=now_ms()))
    except Fault as fault:
        connection.context.counters.add("temporary_errors_total")
        connection.send(faulted(command.id, fault, gift_event_id=getattr(command, "gift_event_id", None)))


async def _send(connection: "Connection", command: Send) -> None:
    context, claims = connection.context, connection.claims
    assert claims is not None
    if context.is_flushing:
        raise Unavailable("this server is about to stop: send the same id again on the next connection")
    wait_ms = context.admission.retry_after_ms(claims.user, command.gift_event_id, command.room)
    if wait_ms:
        context.counters.add("rate_limited_total")
        connection.send(error(command.id, "rate_limited", retry_after_ms=wait_ms))
        return
    send = SendGift(
        sender_id=claims.user,
        sender_name=claims.name,
        room=command.room,
        gift_event_id=command.gift_event_id,
        gift=command.gift,
        price_coins=command.price_coins,
        count=command.count,
        to=command.to,
        message=command.message,
        anonymous=command.anonymous,
        barred=_bar(connection, command.room, has_message=bool(command.message)),
    )
    answer = await context.gifting.send_gift(send, connection)
    if isinstance(answer, Refusal):
        context.counters.add("refused_total")
        connection.send(refused(command.id, answer))
        return
    context.counters.add("replayed_total" if answer.replayed else "accepted_total")
    connection.send(accepted(command.id, answer))


def _bar(connection: "Connection", room_id: str, *, has_message: bool) -> str | None:
    """Return the code with which its token or a moderator keeps this client from sending there, or None."""
    claims, context = connection.claims, connection.context
    assert claims is not None
    return context.bar_of(claims, room_id, has_message=has_message)


async def _subscribe(connection: "Connection", command: Subscribe) -> None:
    context, claims = connection.context, connection.claims
    assert claims is not None
    room = await context.gifting.room(command.room)
    if room is None:
        connection.send(error(command.id, "unknown_room"))
        return
    if not claims.may_enter(room.id) or (command.feed == "creator" and room.creator_id != claims.user):
        connection.send(error(command.id, "not_allowed"))
        return
    place = None
    if (code := context.bar(claims.user, room.id, has_message=False)) is not None:
        connection.send(error(command.id, code))
        return
    if command.feed == "creator" and command.since is not None and command.since.cursor is not None:
        try:
            place = context.cursors.open(command.room, command.since.cursor)
        except BadCursor as no:
            connection.send(error(command.id, "bad_request", f"{no}; without one a snapshot is to be had."))
            return
    if command.room not in connection.rooms and len(connection.rooms) >= ROOMS_MAX:
        connection.send(error(command.id, "bad_request", f"A connection follows at most {ROOMS_MAX} rooms."))
        return
    if command.room not in connection.rooms:
        connection.rooms = _and_room(connection.rooms, command.room)
    await context.hub.join(connection, command.room, command.feed, command.since, command.id, place)
    if command.room not in connection.rooms:  # put out by a moderator while it was let in
        context.hub.leave(connection, command.room)
        connection.send(error(command.id, "banned"))
    elif not connection.is_open:
        context.hub.leave(connection, command.room)


@lru_cache(maxsize=1_024)
def _and_room(rooms: tuple[str, ...], room: str) -> tuple[str, ...]:
    """Few rooms, very many connections: those that follow the same rooms share the list of them."""
    return (*rooms, room)


async def _refresh(connection: "Connection", command: Refresh) -> None:
    try:
        claims = await connection.context.claims(command.token)
    except TokenRefused as no:
        connection.send(error(command.id, no.code))
        return
    assert connection.claims is not None
    if claims.user != connection.claims.user:
        connection.send(error(command.id, "not_allowed", "The new token is another user's."))
        return
    connection.renew(claims)
    connection.send(Refreshed(id=command.id, expires_ms=claims.expires_ms))
