"""What a client or a load balancer asks of the server itself."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.edge.api.reading import context_of, json
from livegift.wire.asyncapi import asyncapi


def routes() -> list[Route]:
    """Return these routes."""
    return [
        Route("/v1/asyncapi.json", asyncapi_json),
        Route("/readyz", readyz),
    ]


async def asyncapi_json(_: Request) -> Response:
    """The WebSocket protocol as an AsyncAPI document."""
    return json(asyncapi(), cache="public, max-age=300")


async def readyz(request: Request) -> Response:
    """Whether this edge takes new viewers, for a load balancer before several of them."""
    is_ready = not context_of(request).is_draining
    return json({"ready": is_ready}, status=200 if is_ready else 503)
