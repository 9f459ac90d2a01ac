"""Coins and gifts, for the platform's own servers: each request with an ``Idempotency-Key`` is carried out once."""

import hashlib
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils import uuid7

from livegift.clock import now_ms
from livegift.domain.action import Action
from livegift.domain.coins import AMOUNT_MAX
from livegift.domain.keys import ApiKey
from livegift.edge.api.describing import describe
from livegift.edge.api.platform_users import Reason
from livegift.edge.api.reading import Id, body_of, context_of, headers_of, id_in, json, key_of
from livegift.edge.api.settling import moved_wallet, settled_gift
from livegift.edge.problems import Problem, bad_field
from livegift.gifting import SendGift
from livegift.store.platform import Mismatch, NoSuchUser
from livegift.store.platform import Request as Asked
from livegift.wire.messages import NO_NUL

KEY_CHARS_MAX = 200
REFUSED = (
    *("unknown_room", "room_closed", "unknown_gift", "gift_unavailable", "price_changed", "bad_count", "expired"),
    *("self_gift", "unknown_receiver", "banned", "muted", "not_wanted", "insufficient_coins", "frozen", "limit"),
)
"""Why a gift may be refused, whoever asks for it."""


class CoinsBody(Struct):
    """Body of POST /v1/users/{user_id}/coins: granted if more than 0, else withdrawn."""

    coins: Annotated[int, Meta(ge=-AMOUNT_MAX, le=AMOUNT_MAX, extra_json_schema={"not": {"const": 0}})]
    reason: Reason


class GiftBody(Struct):
    """Body of POST /v1/gifts. ``price_coins`` is what the sender saw; left out, it is the price of now."""

    user: Id
    room: Id
    gift: Annotated[str, Meta(min_length=1, max_length=64, pattern=NO_NUL)]
    count: int = 1
    price_coins: int | None = None
    message: Annotated[str, Meta(max_length=500, pattern=NO_NUL)] | None = None
    anonymous: bool = False


class OnceHeaders(Struct):
    """What a request that moves money is known by."""

    idempotency_key: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=KEY_CHARS_MAX,
            pattern=r"^[!-~]([ -~]*[!-~])?$",
            description="Your order's number, say: the same key with the same content is carried out once.",
        ),
    ] = field(name="Idempotency-Key")


class MovedCoins(Struct, frozen=True):
    """A movement of a wallet that stands in the book, and the balance just after it."""

    id: str
    coins: int
    balance: int


class SentGift(Struct, frozen=True):
    """A gift that stands in the book; ``replayed`` where it was asked for before."""

    gift_event_id: str
    event_id: str
    coins: int
    balance: int
    replayed: bool


def routes() -> list[Route]:
    """Return these routes."""
    return [
        Route("/v1/users/{user_id}/coins", move_coins, methods=["POST"]),
        Route("/v1/gifts", send_gift, methods=["POST"]),
    ]


def _asked(request: Request, key: ApiKey, body: Struct) -> Asked:
    text = headers_of(request, OnceHeaders).idempotency_key
    content = request.url.path.encode() + b"\n" + msgspec.json.encode(body)
    return Asked(key.actor, text, hashlib.sha256(content).hexdigest())


@describe(
    tag="coins",
    body=CoinsBody,
    headers=OnceHeaders,
    answer=MovedCoins,
    bearer="key",
    scope="coins:move",
    has_platform_ids=True,
    problems=("unknown_user", "mismatch", "insufficient_coins", "limit"),
)
async def move_coins(request: Request) -> Response:
    """Grant coins to a user, or withdraw them; answered once the wallet has moved, and then the same each time."""
    context, key = context_of(request), await key_of(request, "coins:move")
    body, user_id = await body_of(request, CoinsBody), id_in(request, "user_id")
    if not body.coins:
        raise bad_field("coins", "This must not be 0.")
    action = Action(
        actor=key.actor,
        verb="coins.grant" if body.coins > 0 else "coins.withdraw",
        subject=f"user:{user_id}",
        reason=body.reason,
        after={"coins": body.coins},
    )
    try:
        entry = await context.platform.coins_asked(
            _asked(request, key, body), user_id, body.coins, action, now_ms=now_ms()
        )
    except Mismatch as no:
        raise Problem("mismatch", "This Idempotency-Key was used before with another content.") from no
    except NoSuchUser as no:
        raise Problem("unknown_user") from no
    balance = await moved_wallet(context, entry, abs(body.coins))
    return json(MovedCoins(f"{entry.partition}-{entry.number}", body.coins, balance))


@describe(
    tag="gifts",
    body=GiftBody,
    headers=OnceHeaders,
    answer=SentGift,
    status=(200, 201),
    bearer="key",
    scope="gifts:send",
    problems=("unknown_user", "mismatch", *REFUSED),
)
async def send_gift(request: Request) -> Response:
    """Send a gift on a user's behalf; answered once it stands in the book, and then the same each time."""
    context, key = context_of(request), await key_of(request, "gifts:send")
    body = await body_of(request, GiftBody)
    sender = await context.book.user(body.user)
    if sender is None:
        raise Problem("unknown_user")
    price = body.price_coins
    if price is None:
        gift = (await context.book.catalogue()).gift(body.gift)
        price = gift.price_coins if gift else 0
    told: dict[str, Any] = {"room": body.room, "gift": body.gift, "count": body.count}
    action = Action(actor=key.actor, verb="gift.send", subject=f"user:{body.user}", after=told)
    try:
        gift_event_id, price = await context.platform.gift_asked(
            _asked(request, key, body), str(uuid7()), price, action, now_ms=now_ms()
        )
    except Mismatch as no:
        raise Problem("mismatch", "This Idempotency-Key was used before with another content.") from no
    send = SendGift(
        sender_id=sender.id,
        sender_name=sender.name,
        room=body.room,
        gift_event_id=gift_event_id,
        gift=body.gift,
        price_coins=price,
        count=body.count,
        to=None,
        message=body.message,
        anonymous=body.anonymous,
        barred=context.bar(sender.id, body.room, has_message=bool(body.message)),
    )
    answer, event_id = await settled_gift(context, send)
    sent = SentGift(gift_event_id, event_id, price * body.count, answer.balance, answer.replayed)
    return json(sent, status=200 if answer.replayed else 201)
