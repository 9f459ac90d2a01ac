"""The catalogue, wallets, and the demo's users with their promotional coins."""

from typing import Annotated, Literal

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.clock import now_ms
from livegift.edge.api.describing import describe
from livegift.edge.api.paging import Number, PageQuery, Pages, Text
from livegift.edge.api.reading import body_of, claims_of, context_of, json, query_of
from livegift.edge.problems import Problem, base_of
from livegift.identity.own import mint
from livegift.store.wallet_rows import WalletPlace, wallet_rows
from livegift.wire.messages import User as Person

GRANT_TIMEOUT_MS = 5_000
PAGES = Pages[WalletPlace]("wallet", tuple[Text, Number, Number, Number])


class Login(Struct, forbid_unknown_fields=False):
    """Body of POST /v1/demo/login."""

    name: Annotated[str, Meta(min_length=1, max_length=32)]
    role: Literal["viewer", "creator"] = "viewer"


class LoggedIn(Struct, frozen=True):
    """A demo user, and the token that is theirs for an evening."""

    token: str
    user: Person


class CatalogueGift(Struct, frozen=True):
    """A gift that can be sent. ``tier`` says how large it is shown; ``image`` is a path on this server."""

    id: str
    name: str
    price_coins: int
    tier: int
    streakable: bool
    image: str


class GiftList(Struct, frozen=True):
    """The catalogue, as it is now."""

    version: int
    gifts: list[CatalogueGift]


class WalletLine(Struct, frozen=True):
    """One change of a wallet; ``coins`` is signed, gifts are negative."""

    id: str
    kind: str
    coins: int
    ts_ms: int


class WalletPage(Struct, frozen=True):
    """A wallet: what it holds now, and a page of what led there, newest first."""

    balance: int
    rows: list[WalletLine]
    next: str | None


def routes() -> list[Route]:
    """Return these routes."""
    return [
        Route("/v1/demo/login", demo_login, methods=["POST"]),
        Route("/v1/catalogue", catalogue),
        Route("/v1/wallet", wallet),
    ]


@describe(tag="demo", body=Login, answer=LoggedIn, problems=("not_allowed",))
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
    return json(LoggedIn(token, Person(user.id, user.name)))


@describe(tag="gifts", answer=GiftList)
async def catalogue(request: Request) -> Response:
    """List all gifts that can be sent, and the version of the list."""
    found, base = await context_of(request).book.catalogue(), base_of(request.scope)
    gifts = [
        CatalogueGift(gift.id, gift.name, gift.price_coins, gift.tier, gift.streakable, base + gift.image)
        for gift in found.gifts
        if gift.active
    ]
    return json(GiftList(found.version, gifts))


@describe(tag="gifts", answer=WalletPage, query=PageQuery, bearer="token")
async def wallet(request: Request) -> Response:
    """Look at one's own wallet: the balance, and the rows behind it, newest first."""
    context, claims = context_of(request), await claims_of(request)
    query = query_of(request, PageQuery)
    reads, _ = context.book.databases
    rows, behind = await wallet_rows(reads, claims.user, limit=query.limit, behind=PAGES.place(query.cursor))
    lines = [WalletLine(row.id, row.kind, row.coins, row.ts_ms) for row in rows]
    balance = await context.gifting.balance(claims.user)
    return json(WalletPage(balance, lines, PAGES.cursor(behind) if behind else None))
