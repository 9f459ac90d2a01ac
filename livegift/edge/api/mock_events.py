"""Mock events, for people who build overlays and bots: a gift, a combo, a recharge … of a demo, when they want one.

What is triggered is real, but for its coins: it goes the whole road of a gift, so that whoever listens sees exactly
what a live room sends: accepted, settled, offsets, totals, combos and their ends, the creator's points, wallet pushes.
A demo's coins are worth nothing; everywhere else this refuses.
"""

import hashlib
from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils import uuid7

from livegift.clock import now_ms
from livegift.domain.catalogue import GiftRow
from livegift.domain.coins import AMOUNT_MAX
from livegift.domain.people import User
from livegift.edge.api.describing import describe
from livegift.edge.api.platform_coins import REFUSED
from livegift.edge.api.reading import body_of, claims_of, context_of, json
from livegift.edge.api.settling import moved_wallet, settled_gift
from livegift.edge.context import EdgeContext
from livegift.edge.problems import Problem, bad_field
from livegift.gifting import SendGift
from livegift.identity.claims import Claims
from livegift.identity.own import mint
from livegift.store.mock_movements import trigger_movement
from livegift.wire.messages import MESSAGE_CHARS_MAX, NO_NUL
from livegift.wire.messages import User as Person

BY = "hook:trigger"
NAME = "Mock Fan"
KINDS = {"recharge": "recharge", "refund": "take", "chargeback": "chargeback"}
"""Events of wallets, and what stands in the book: a refund takes the coins only if the wallet holds them."""
COMBO = 5
COMBO_MAX = 100
COINS = 1_000


class TriggerBody(Struct, forbid_unknown_fields=True):
    """What shall happen. Without a token it happens to a mock user of the name ``as``, who always has coins enough."""

    event: Literal["gift", "combo", "recharge", "refund", "chargeback"]
    room: Annotated[str, Meta(min_length=1, max_length=64, pattern=NO_NUL, description="Of a gift or a combo.")] = "r1"
    name: Annotated[
        str, Meta(min_length=1, max_length=32, pattern=NO_NUL, description="The same name is the same user again.")
    ] = field(name="as", default=NAME)
    gift: Annotated[str, Meta(max_length=64, description="Its id; without it, the cheapest that will do.")] = ""
    count: Annotated[int, Meta(ge=1, le=AMOUNT_MAX, description="Gifts of one send; of a combo, sends.")] | None = None
    message: Annotated[str, Meta(max_length=MESSAGE_CHARS_MAX, pattern=NO_NUL)] | None = None
    anonymous: bool = False
    coins: Annotated[int, Meta(ge=1, le=AMOUNT_MAX, description="Of a recharge, refund or chargeback.")] = COINS


class TriggeredGift(Struct, frozen=True):
    """A gift that was sent and settled."""

    gift_event_id: str
    event_id: str
    gift: str
    count: int
    coins: int


class Triggered(Struct, frozen=True):
    """What happened, to whom, and what they have left; ``token`` opens a socket as that user, to watch their wallet."""

    event: str
    user: Person
    token: str | None
    gifts: list[TriggeredGift]
    coins: int
    balance: int


def routes() -> list[Route]:
    """Return these routes."""
    return [Route("/v1/demo/trigger", trigger, methods=["POST"])]


@describe(
    tag="demo", body=TriggerBody, answer=Triggered, bearer="optional", problems=("not_allowed", "adults_only", *REFUSED)
)
async def trigger(request: Request) -> Response:
    """Trigger a gift, a combo, a recharge, a refund or a chargeback; answered once it is settled.

    With a token it happens to that user and their own coins, without one to a mock user.
    """
    context = context_of(request)
    if not context.config.demo:
        raise Problem("not_allowed", "This server is no demo: nothing is made up here.")
    claims = await claims_of(request) if "authorization" in request.headers else None
    body = await body_of(request, TriggerBody)
    if claims is not None:
        user, token = User(claims.user, claims.name, "viewer"), None
    else:
        user = await _mock_user(context, body.name)
        token = mint(context.secret, user.id, user.name, "viewer", context.config.demo_token_ttl_s)
    if body.event in KINDS:
        _, writes = context.book.databases
        entry = await trigger_movement(writes, user.id, body.coins, kind=KINDS[body.event], by=BY, now_ms=now_ms())
        balance, gifts, coins = await moved_wallet(context, entry, body.coins), list[TriggeredGift](), body.coins
    else:
        gifts, balance = await _gifts(context, body, user, claims)
        coins = sum(gift.coins for gift in gifts)
    return json(Triggered(body.event, Person(user.id, user.name), token, gifts, coins, balance))


async def _mock_user(context: EdgeContext, name: str) -> User:
    shown = context.clean(" ".join(name.split()))
    if not shown or not shown.isprintable():
        raise bad_field("as", "The name must have letters one can see.")
    user = User(f"mock-{hashlib.blake2b(shown.encode(), digest_size=8).hexdigest()}", shown, "viewer")
    await context.platform.put_user(user, by=BY, now_ms=now_ms())
    return user


async def _gifts(
    context: EdgeContext, body: TriggerBody, user: User, claims: Claims | None
) -> tuple[list[TriggeredGift], int]:
    is_combo = body.event == "combo"
    gift = await _gift(context, body, is_combo=is_combo)
    if is_combo and body.anonymous:
        raise bad_field("anonymous", "Anonymous gifts form no combos.")
    sends, count = (body.count or COMBO, 1) if is_combo else (1, body.count or 1)
    if sends > COMBO_MAX:
        raise bad_field("count", f"A combo has at most {COMBO_MAX} sends.")
    if claims is None:
        await _fill(context, user, gift.price_coins * sends * count)
        barred = context.bar(user.id, body.room, has_message=bool(body.message))
    else:
        barred = context.bar_of(claims, body.room, has_message=bool(body.message))
    sent, balance = [], 0
    for _ in range(sends):
        send = SendGift(
            sender_id=user.id,
            sender_name=user.name,
            room=body.room,
            gift_event_id=str(uuid7()),
            gift=gift.id,
            price_coins=gift.price_coins,
            count=count,
            to=None,
            message=body.message,
            anonymous=body.anonymous,
            barred=barred,
        )
        receipt, event_id = await settled_gift(context, send)
        balance = receipt.balance
        sent.append(TriggeredGift(send.gift_event_id, event_id, gift.id, count, gift.price_coins * count))
    return sent, balance


async def _gift(context: EdgeContext, body: TriggerBody, *, is_combo: bool) -> GiftRow:
    catalogue = await context.book.catalogue()
    if body.gift:
        gift = catalogue.gift(body.gift)
        if gift is None:
            raise Problem("unknown_gift")
        if is_combo and not gift.streakable:
            raise bad_field("gift", "This gift forms no combos: it is not streakable.")
        return gift
    possible = [gift for gift in catalogue.gifts if gift.active and (gift.streakable or not is_combo)]
    if not possible:
        raise Problem("gift_unavailable")
    return min(possible, key=lambda gift: gift.price_coins)


async def _fill(context: EdgeContext, user: User, cost: int) -> None:
    """Give a mock user what they are about to spend, if they have less."""
    if cost > AMOUNT_MAX or await context.gifting.balance(user.id) >= cost:
        return
    coins = min(AMOUNT_MAX, max(cost, context.config.demo_coins))
    _, writes = context.book.databases
    entry = await trigger_movement(writes, user.id, coins, kind="promo", by=BY, now_ms=now_ms())
    await moved_wallet(context, entry, coins)
