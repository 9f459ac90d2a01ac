"""What a client or a load balancer asks of the server itself."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.edge.api.describing import Operation, describe, operations_of
from livegift.edge.api.openapi import openapi
from livegift.edge.api.reading import context_of, json
from livegift.edge.problems import base_of
from livegift.wire.asyncapi import asyncapi

KEEP = "public, max-age=300"


class Readiness(Struct, frozen=True):
    """Whether an edge takes new viewers."""

    ready: bool


def routes() -> list[Route]:
    """Return these routes."""
    return [
        Route("/v1/asyncapi.json", asyncapi_json),
        Route("/readyz", readyz),
    ]


def openapi_of(others: Sequence[Operation], examples: Mapping[type, object]) -> list[Operation]:
    """Return the operation that tells of all others, and of itself."""

    @cache
    def document(base: str) -> bytes:
        return msgspec.json.encode(openapi([*others, *itself], examples) | {"servers": [{"url": base or "/"}]})

    @describe(tag="server", answer=dict[str, Any])
    async def openapi_json(request: Request) -> Response:
        """Read the HTTP API as an OpenAPI document: this one."""
        return json(msgspec.Raw(document(base_of(request.scope))), cache=KEEP)

    itself = operations_of([Route("/v1/openapi.json", openapi_json)])
    return itself


@describe(tag="server", answer=dict[str, Any])
async def asyncapi_json(_: Request) -> Response:
    """Read the WebSocket protocol as an AsyncAPI document."""
    return json(asyncapi(), cache=KEEP)


@describe(tag="server", answer=Readiness, status=(200, 503))
async def readyz(request: Request) -> Response:
    """Ask whether this edge takes new viewers: for a load balancer before several of them."""
    is_ready = not context_of(request).is_draining
    return json(Readiness(is_ready), status=200 if is_ready else 503)
