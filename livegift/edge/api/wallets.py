"""The catalogue, wallets, and the demo's users with their promotional coins."""

from typing import Annotated, Literal

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.clock import now_ms
from livegift.edge.api.reading import body_of, claims_of, context_of, json
from livegift.edge.problems import Problem
from livegift.identity.own import mint

GRANT_TIMEOUT_MS = 5_000
WALLET_ROWS_MAX = 100


class Login(Struct, forbid_unknown_fields=False):
    """Body of POST /v1/demo/login."""

    name: Annotated[str, Meta(min_length=1, max_length=32)]
    role: Literal["viewer", "creator"] = "viewer"


def routes() -> list[Route]:
    """Return these routes."""
    return [
        Route("/v1/demo/login", demo_login, methods=["POST"]),
        Route("/v1/catalogue", catalogue),
        Route("/v1/wallet", wallet),
    ]


async def demo_login(request: Request) -> Response:
    """Make a new user with promotional coins; answered once the coins can be spent."""
    context = context_of(request)
    if not context.config.demo:
        raise Problem("not_allowed", "This server is no demo: its platform mints the tokens.")
    login = await body_of(request, Login)
    name = context.clean(" ".join(login.name.split()))
    if not name or not name.isprintable():
        raise Problem("bad_request", "The name must have letters one can see.")
    user = await context.book.create_user(name, login.role, now_ms())
    entry = await context.book.grant(user.id, context.config.demo_coins, now_ms=now_ms())
    await context.gifting.inbox_has_news()
    await context.gifting.wait_granted(entry, timeout_ms=GRANT_TIMEOUT_MS)
    token = mint(context.secret, user.id, user.name, user.role, context.config.demo_token_ttl_s)
    return json({"token": token, "user": {"id": user.id, "name": user.name}})


async def catalogue(request: Request) -> Response:
    """All gifts that can be sent, and the version of the list."""
    found = await context_of(request).book.catalogue()
    gifts = [
        {
            "id": gift.id,
            "name": gift.name,
            "price_coins": gift.price_coins,
            "tier": gift.tier,
            "streakable": gift.streakable,
            "image": gift.image,
        }
        for gift in found.gifts
        if gift.active
    ]
    return json({"version": found.version, "gifts": gifts})


async def wallet(request: Request) -> Response:
    """The balance of whoever asks, and the newest rows behind it."""
    context, claims = context_of(request), await claims_of(request)
    rows = await context.book.wallet_rows(claims.user, WALLET_ROWS_MAX)
    return json(
        {
            "balance": await context.gifting.balance(claims.user),
            "rows": [{"id": row.id, "kind": row.kind, "coins": row.coins, "ts_ms": row.ts_ms} for row in rows],
        }
    )
