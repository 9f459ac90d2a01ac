"""A name for each HTTP request, in its answer and in every line that is logged for it: ``X-Request-Id``.

A proxy or a client may name it; what can be no such name is replaced by one of ours.
"""

import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

HEADER = "X-Request-Id"
_NAME = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class RequestIds:
    """ASGI middleware; the outermost, so that what others log has the name, too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back, with the name on both."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        if _NAME.fullmatch(given):
            scope["request_id"] = given
        name = request_id_of(scope)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = name
            await send(message)

        with bound_contextvars(request=name):
            await self._app(scope, receive, answer)


def request_id_of(scope: Scope) -> str:
    """Return the name that a request has, or give it one."""
    return str(scope.setdefault("request_id", secrets.token_hex(8)))
