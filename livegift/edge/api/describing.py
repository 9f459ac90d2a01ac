"""What a route takes and gives, said once, beside its handler.

The OpenAPI document is made from it (``openapi.py``), and whoever serves the route keeps to it (``resource.py``): so
neither can forget what the other says. A server with a route that is not described does not start.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.edge.deprecation import Deprecation
from livegift.edge.problems import STATUS

Endpoint = Callable[[Request], Awaitable[Response]]
Bearer = Literal["token", "key", "either", "optional"]
"""Who asks: a user with a token, a platform with an API key, one of them, or a user or nobody."""
JSON = "application/json"
EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What is said of a route. ``answer`` is a type that msgspec encodes, None where the answer is a stream."""

    tag: str
    answer: object
    status: int | tuple[int, ...] = 200
    body: type[Struct] | None = None
    query: type[Struct] | None = None
    headers: type[Struct] | None = None
    problems: tuple[str, ...] = ()
    """Codes that are this route's own; those of its bearer, its body and of every route come by themselves."""
    bearer: Bearer | None = None
    scope: str | None = None
    """The scope that an API key needs."""
    has_platform_ids: bool = False
    """Whether the ids in its path are such as platforms give (``id_in``), not anybody's (``text_in``)."""
    deprecation: Deprecation | None = None

    def __post_init__(self) -> None:
        for code in self.problems:
            assert code in STATUS, f"no problem has the code {code}"

    @property
    def statuses(self) -> tuple[int, ...]:
        """Of good answers."""
        return (self.status,) if isinstance(self.status, int) else self.status

    @property
    def is_stream(self) -> bool:
        """Whether the answer goes on until somebody ends it."""
        return self.answer is None

    @property
    def media_type(self) -> str:
        """What a good answer is written in."""
        return EVENT_STREAM if self.is_stream else JSON

    def __call__(self, endpoint: Endpoint) -> Endpoint:
        """Say it of a handler, whose name and docstring are the operation's."""
        _told[endpoint] = self
        return endpoint


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, its handler, and what is said of it."""

    method: str
    path: str
    endpoint: Endpoint
    told: Description

    @property
    def id(self) -> str:
        """Its name: the handler's."""
        return str(self.endpoint.__name__)


describe = Description
_told: dict[Endpoint, Description] = {}


def operations_of(routes: Sequence[Route]) -> list[Operation]:
    """Return what the routes do, in their order. Raises ``LookupError`` for a handler that is not described."""
    found = []
    for route in routes:
        told = _told.get(route.endpoint)
        if told is None:
            raise LookupError(f"{route.path} is not described: see docs/http-api.md, Adding a route")
        methods = sorted((route.methods or {"GET"}) - {"HEAD"})
        found += [Operation(method, route.path, route.endpoint, told) for method in methods]
    return found
