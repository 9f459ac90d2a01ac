"""All of it below a path of somebody else's site, as ``/gifts``: the proxy passes requests on with the path as it is.

Behind this middleware paths are as if livegift had a host of its own; what names a path to the outside asks
``base_of``.
"""

from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from livegift.edge.problems import BASE, TITLES, problem_response


class Based:
    """ASGI middleware. ``base`` is '' or a path that begins with a slash and ends with none."""

    def __init__(self, app: ASGIApp, base: str) -> None:
        self._app = app
        self._base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on without the base, or answer 404 where it does not begin with it."""
        if scope["type"] == "http" and self._base:
            path = str(scope["path"])
            if not path.startswith(f"{self._base}/") and path != self._base:
                answer = problem_response("unknown_route", TITLES["unknown_route"], base=self._base)
                await answer(scope, receive, send)
                return
            raw = scope.get("raw_path")
            scope[BASE] = self._base  # for whoever is before us, too, and answers a bug
            inner: MutableMapping[str, Any] = {**scope, "path": path[len(self._base) :] or "/"}
            inner["raw_path"] = raw and (raw[len(self._base.encode()) :] or b"/")
            scope = inner
        await self._app(scope, receive, send)
