"""One path with all its methods: the right handler, or a refusal that says what would be right.

Starlette matches one route after the other, so a path of several routes would name only the first one's methods in
``Allow``. Here a path has one route.
"""

import re
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from livegift.edge.api.describing import Operation
from livegift.edge.problems import Problem


class Resource:
    """The ASGI application of one path."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = {one.method: one for one in operations}
        assert len(self._operations) == len(operations), f"{operations[0].path} has a method twice"
        read = self._operations.get("GET")
        if read is not None and not read.told.is_stream:  # there is no head of what does not end
            self._operations["HEAD"] = read
        self.allow = ", ".join(sorted([*self._operations, "OPTIONS"]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["method"] == "OPTIONS":
            await Response(status_code=204, headers={"Allow": self.allow})(scope, receive, send)
            return
        operation = self._operations.get(scope["method"])
        if operation is None:
            raise HTTPException(405, f"This path takes {self.allow}.", {"Allow": self.allow})
        if not accepts(Headers(scope=scope).getlist("accept"), operation.told.media_type):
            raise Problem("not_acceptable", f"The answer is {operation.told.media_type}.")
        response = await operation.endpoint(Request(scope, receive, send))
        if operation.told.deprecation is not None:
            response.headers.update(operation.told.deprecation.headers())
        await response(scope, receive, send)


def resources(operations: Sequence[Operation]) -> list[Route]:
    """Return one route for each path, in the order in which the paths are named first."""
    paths: dict[str, list[Operation]] = {}
    for one in operations:
        paths.setdefault(one.path, []).append(one)
    return [Route(path, Resource(found)) for path, found in paths.items()]


def accepts(values: Sequence[str], media_type: str) -> bool:
    """Whether ``Accept`` headers let a media type through; none lets everything through (RFC 9110, 12.5.1)."""
    ranges = [one for one in ",".join(values).split(",") if one.strip()]
    if not ranges:
        return True
    precision = {"*/*": 0, f"{media_type.partition('/')[0]}/*": 1, media_type: 2}
    found: list[tuple[int, bool]] = []
    for one in ranges:
        name, *parameters = (part.strip().lower() for part in one.split(";"))
        if name in precision:
            is_ruled_out = any(re.fullmatch(r"q\s*=\s*0(\.0*)?", part) for part in parameters)
            found.append((precision[name], not is_ruled_out))
    return max(found)[1] if found else False  # the most precise one counts
