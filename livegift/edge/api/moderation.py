"""Moderation: bans, mutes and kicks of a room or everywhere, a room's moderators, and what a creator takes."""

from functools import partial
from typing import Annotated

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.clock import now_ms
from livegift.domain.action import Action
from livegift.domain.coins import AMOUNT_MAX
from livegift.domain.keys import PREFIX
from livegift.domain.moderation import EVERYWHERE, FOREVER_MS, Kind, Policy, Sanction
from livegift.domain.people import RoomRow
from livegift.edge.api.describing import describe
from livegift.edge.api.platform_users import Reason
from livegift.edge.api.reading import TEXT_CHARS_MAX, bearer_of, body_of, claims_of, context_of, json, key_of, text_in
from livegift.edge.problems import Problem
from livegift.wire.messages import NO_NUL

SCOPE = "users:moderate"
PLATFORM_ROLES = ("moderator", "admin")
"""Whose tokens may moderate every room."""
KICK_S = 60
SECONDS_MAX = 10 * 365 * 86_400


class SanctionBody(Struct):
    """Body of a ban or a mute; without ``seconds`` it holds until it is lifted."""

    reason: Reason
    seconds: Annotated[int, Meta(ge=1, le=SECONDS_MAX)] | None = None


class KickBody(Struct):
    """Body of a kick."""

    user: Annotated[str, Meta(min_length=1, max_length=TEXT_CHARS_MAX, pattern=NO_NUL)]
    reason: Reason


class Sanctioned(Struct, frozen=True):
    """A ban or a mute; ``until_ms`` is null where it holds until it is lifted, and where it was."""

    user: str
    kind: Kind
    until_ms: int | None


class Kicked(Struct, frozen=True):
    """Who was put out of a room, and until when."""

    user: str
    until_ms: int


class SanctionList(Struct, frozen=True):
    """What holds in a room."""

    sanctions: list[Sanctioned]


class Moderates(Struct, frozen=True):
    """Whether a user is a moderator of the room."""

    user: str
    moderator: bool


class PolicyBody(Struct, forbid_unknown_fields=True):
    """Body of PUT /v1/creators/{creator_id}/policy; what is left out is as if nothing had been set."""

    gifts: bool = True
    messages: bool = True
    anonymous: bool = True
    min_coins: Annotated[int, Meta(ge=1, le=AMOUNT_MAX)] = 1
    allow: Annotated[list[str], Meta(max_length=1_000)] | None = None
    deny: Annotated[list[str], Meta(max_length=1_000)] = []
    merge_window_ms: Annotated[int, Meta(ge=0, le=60_000)] = 0


def routes() -> list[Route]:
    """Return these routes."""
    return [
        Route("/v1/rooms/{room_id}/bans/{user_id}", ban, methods=["PUT"]),
        Route("/v1/rooms/{room_id}/bans/{user_id}", lift_ban, methods=["DELETE"]),
        Route("/v1/rooms/{room_id}/mutes/{user_id}", mute, methods=["PUT"]),
        Route("/v1/rooms/{room_id}/mutes/{user_id}", lift_mute, methods=["DELETE"]),
        Route("/v1/rooms/{room_id}/kicks", kick, methods=["POST"]),
        Route("/v1/rooms/{room_id}/sanctions", sanctions),
        Route("/v1/rooms/{room_id}/moderators/{user_id}", add_moderator, methods=["PUT"]),
        Route("/v1/rooms/{room_id}/moderators/{user_id}", remove_moderator, methods=["DELETE"]),
        Route("/v1/bans/{user_id}", ban_everywhere, methods=["PUT"]),
        Route("/v1/bans/{user_id}", lift_ban_everywhere, methods=["DELETE"]),
        Route("/v1/creators/{creator_id}/policy", policy),
        Route("/v1/creators/{creator_id}/policy", set_policy, methods=["PUT"]),
    ]


_described = partial(describe, tag="moderation", bearer="either", scope=SCOPE, problems=("unknown_room", "not_allowed"))
_described_everywhere = partial(describe, tag="moderation", bearer="either", scope=SCOPE, problems=("not_allowed",))


async def _room(request: Request) -> RoomRow:
    row = await context_of(request).book.room(text_in(request, "room_id"))
    if row is None:
        raise Problem("unknown_room")
    return row


async def _moderator_of(request: Request, room: RoomRow | None, *, is_creator_alone: bool = False) -> str:
    """Return the actor, who may moderate that room, or everywhere for None; raises ``Problem``."""
    if bearer_of(request).startswith(PREFIX):
        return (await key_of(request, SCOPE)).actor
    claims = await claims_of(request)
    is_own = room is not None and room.creator_id == claims.user
    may = is_own or claims.role == "admin" or (claims.role in PLATFORM_ROLES and not is_creator_alone)
    if room is not None and not may and not is_creator_alone:
        may = await context_of(request).moderation.moderates(room.id, claims.user)
    if not may or (room is not None and not claims.may_enter(room.id)):
        raise Problem("not_allowed", "This is for the room's creator, its moderators, and the platform's.")
    return f"user:{claims.user}"


@_described(body=SanctionBody, answer=Sanctioned)
async def ban(request: Request) -> Response:
    """Ban a user from a room: they neither watch nor send there."""
    return await _sanction(request, "ban", await _room(request))


@_described(answer=Sanctioned)
async def lift_ban(request: Request) -> Response:
    """Lift a user's ban from a room."""
    return await _lift(request, "ban", await _room(request))


@_described(body=SanctionBody, answer=Sanctioned)
async def mute(request: Request) -> Response:
    """Take a user's messages no more in a room; gifts are taken."""
    return await _sanction(request, "mute", await _room(request))


@_described(answer=Sanctioned)
async def lift_mute(request: Request) -> Response:
    """Take a user's messages in a room again."""
    return await _lift(request, "mute", await _room(request))


@_described_everywhere(body=SanctionBody, answer=Sanctioned)
async def ban_everywhere(request: Request) -> Response:
    """Ban a user from every room: their connections end, and they get no new ones."""
    return await _sanction(request, "ban", None)


@_described_everywhere(answer=Sanctioned)
async def lift_ban_everywhere(request: Request) -> Response:
    """Lift a user's ban from every room."""
    return await _lift(request, "ban", None)


async def _sanction(request: Request, kind: Kind, room: RoomRow | None) -> Response:
    by, user_id = await _moderator_of(request, room), text_in(request, "user_id")
    if room is not None and user_id == room.creator_id:
        raise Problem("not_allowed", "A creator is master in their own room.")
    body = await body_of(request, SanctionBody)
    until_ms = FOREVER_MS if body.seconds is None else now_ms() + body.seconds * 1_000
    await _impose(request, Sanction(room.id if room else EVERYWHERE, user_id, kind, until_ms), by, body.reason)
    return json(_told(user_id, kind, until_ms))


async def _lift(request: Request, kind: Kind, room: RoomRow | None) -> Response:
    by, user_id = await _moderator_of(request, room), text_in(request, "user_id")
    await _impose(request, Sanction(room.id if room else EVERYWHERE, user_id, kind, 0), by, None)
    return json(Sanctioned(user_id, kind, None))


def _told(user_id: str, kind: Kind, until_ms: int) -> Sanctioned:
    return Sanctioned(user_id, kind, None if until_ms == FOREVER_MS else until_ms)


async def _impose(
    request: Request, sanction: Sanction, by: str, reason: str | None, *, verb: str | None = None
) -> None:
    context = context_of(request)
    lifted = "" if sanction.until_ms else "un"
    action = Action(
        actor=by,
        verb=verb or f"user.{lifted}{sanction.kind}",
        subject=f"user:{sanction.user_id}",
        reason=reason,
        after={"room": sanction.room_id or None, "until_ms": sanction.until_ms or None},
    )
    await context.moderation.put(sanction, action, now_ms=now_ms())
    context.sanctions.look_now()
    await context.gifting.people_have_news()


@_described(body=KickBody, answer=Kicked)
async def kick(request: Request) -> Response:
    """Put a user out of a room; they may come back after a minute."""
    room = await _room(request)
    by, body = await _moderator_of(request, room), await body_of(request, KickBody)
    if body.user == room.creator_id:
        raise Problem("not_allowed", "A creator is master in their own room.")
    until_ms = now_ms() + KICK_S * 1_000
    await _impose(request, Sanction(room.id, body.user, "ban", until_ms), by, body.reason, verb="user.kick")
    return json(Kicked(body.user, until_ms))


@_described(answer=SanctionList)
async def sanctions(request: Request) -> Response:
    """List the bans and mutes that hold in a room."""
    room = await _room(request)
    await _moderator_of(request, room)
    found = await context_of(request).moderation.of_room(room.id, now_ms())
    return json(SanctionList([_told(one.user_id, one.kind, one.until_ms) for one in found]))


@_described(answer=Moderates)
async def add_moderator(request: Request) -> Response:
    """Make a user a moderator of a room."""
    return await _set_moderator(request, is_one=True)


@_described(answer=Moderates)
async def remove_moderator(request: Request) -> Response:
    """Make a user no longer a moderator of a room."""
    return await _set_moderator(request, is_one=False)


async def _set_moderator(request: Request, *, is_one: bool) -> Response:
    room = await _room(request)
    by, user_id = await _moderator_of(request, room, is_creator_alone=True), text_in(request, "user_id")
    action = Action(
        actor=by,
        verb="moderator.add" if is_one else "moderator.remove",
        subject=f"user:{user_id}",
        after={"room": room.id},
    )
    await context_of(request).moderation.set_moderator(room.id, user_id, action, is_one=is_one, now_ms=now_ms())
    return json(Moderates(user_id, is_one))


@describe(tag="moderation", answer=Policy)
async def policy(request: Request) -> Response:
    """Look at what a creator takes, for gift panels."""
    return json(await context_of(request).gifting.policy(text_in(request, "creator_id")))


@_described_everywhere(body=PolicyBody, answer=Policy)
async def set_policy(request: Request) -> Response:
    """Say what a creator takes from now on: by the creator, an admin, or the platform."""
    context, creator_id = context_of(request), text_in(request, "creator_id")
    if bearer_of(request).startswith(PREFIX):
        by = (await key_of(request, SCOPE)).actor
    else:
        claims = await claims_of(request)
        if claims.user != creator_id and claims.role != "admin":
            raise Problem("not_allowed", "A creator's policy is their own.")
        by = f"user:{claims.user}"
    body = await body_of(request, PolicyBody)
    wanted = Policy(
        gifts=body.gifts,
        messages=body.messages,
        anonymous=body.anonymous,
        min_coins=body.min_coins,
        allow=None if body.allow is None else tuple(body.allow),
        deny=tuple(body.deny),
        merge_window_ms=body.merge_window_ms,
    )
    await context.moderation.set_policy(creator_id, wanted, by=by, now_ms=now_ms())
    await context.gifting.rooms_have_news()
    return json(wanted)
