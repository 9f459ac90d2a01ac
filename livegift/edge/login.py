"""Signing in to the studio with the platform's OpenID provider, if the settings name one."""

from urllib.parse import quote

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from livegift.clock import now_ms
from livegift.edge.context import EdgeContext
from livegift.edge.problems import base_of
from livegift.errors import Fault
from livegift.identity.claims import TokenRefused
from livegift.identity.oidc import BEGUN_S, PATH, Oidc
from livegift.identity.own import mint

COOKIE = "livegift-login"
"""Its name; behind ``__Secure-`` where there is TLS, so that no page without it can set one (RFC 6265bis, 4.1.3)."""

log = structlog.get_logger(__name__)


def routes() -> list[Route]:
    """Return these routes."""
    return [Route("/login", begin), Route(PATH, done)]


def _oidc(request: Request) -> tuple[EdgeContext, Oidc]:
    context: EdgeContext = request.app.state.context
    if context.oidc is None:
        raise HTTPException(404, "This server has no OpenID provider.")
    return context, context.oidc


async def begin(request: Request) -> Response:
    """Send the browser to the provider."""
    _, oidc = _oidc(request)
    try:
        begun = await oidc.begin(now_ms=now_ms())
    except Fault as fault:
        log.warning("login_waits", why=str(fault))
        return _back(request, problem="The sign-in service does not answer. Try again in a moment.")
    answer = RedirectResponse(begun.url, 303, {"Cache-Control": "no-store"})
    name, path, is_tls = _cookie(request)
    answer.set_cookie(name, begun.cookie, BEGUN_S, path=path, secure=is_tls, httponly=True, samesite="lax")
    return answer


async def done(request: Request) -> Response:
    """Take who comes back into the studio, with a token of ours behind the ``#``: no log and no server sees that."""
    context, oidc = _oidc(request)
    try:
        claims = await oidc.finish(request.url.query, request.cookies.get(_cookie(request)[0], ""), now_ms=now_ms())
        context.insist(claims)
    except TokenRefused as no:
        log.info("login_refused", why=no.why or no.code)
        return _back(request, problem="You could not be signed in. Try again.")
    except Fault as fault:
        log.warning("login_waits", why=str(fault))
        return _back(request, problem="The sign-in service does not answer. Try again in a moment.")
    rooms = None if claims.rooms is None else sorted(claims.rooms)
    ttl_s = context.config.oidc_session_s
    token = mint(context.secret, claims.user, claims.name, claims.role, ttl_s, rooms=rooms, is_adult=claims.is_adult)
    return _back(request, token=token)


def _back(request: Request, **told: str) -> Response:
    [(name, value)] = told.items()
    answer = RedirectResponse(
        f"{base_of(request.scope)}/studio#{name}={quote(value)}", 303, {"Cache-Control": "no-store"}
    )
    name, path, is_tls = _cookie(request)
    answer.delete_cookie(name, path=path, secure=is_tls, httponly=True, samesite="lax")
    return answer


def _cookie(request: Request) -> tuple[str, str, bool]:
    """Return its name, the path that it is for, and whether it needs TLS."""
    context: EdgeContext = request.app.state.context
    is_tls = (context.config.public_url or "").startswith("https://")
    return "__Secure-" * is_tls + COOKIE, f"{base_of(request.scope)}/login", is_tls
