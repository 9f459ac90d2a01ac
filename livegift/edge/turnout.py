"""The limits of HTTP, before any route: who asks too often is told when to come again."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from livegift.domain.keys import PREFIX
from livegift.edge.limits import Limits
from livegift.edge.problems import base_of, problem_response
from livegift.wire.codes import TEMPORARY

LIMITED = ("/v1/", "/login")
"""Paths that cost more than a file: a login asks its provider for each who comes back."""


class Turnout:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429 with a problem document."""
        wait_ms = self._wait_ms(scope) if scope["type"] == "http" and scope["path"].startswith(LIMITED) else 0
        if not wait_ms:
            await self._app(scope, receive, send)
            return
        answer = problem_response(
            "rate_limited", TEMPORARY["rate_limited"], status=429, retry_after_ms=wait_ms, base=base_of(scope)
        )
        await answer(scope, receive, send)

    def _wait_ms(self, scope: Scope) -> int:
        headers = Headers(scope=scope)
        hops = ", ".join(headers.getlist("x-forwarded-for"))
        address = self._limits.proxies.client_of(scope["client"][0], hops)
        bearer = headers.get("authorization", "").partition(" ")[2].strip()
        return self._limits.request_wait_ms(address, "" if bearer.startswith(PREFIX) else bearer)
