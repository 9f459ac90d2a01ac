"""What the deployment has signed, for everybody: checkpoints and the public key."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.edge.api.reading import context_of, json, number_in
from livegift.store import checkpoints as stored

LIMIT_MAX = 500


def routes() -> list[Route]:
    """Return these routes."""
    return [Route("/v1/checkpoints", checkpoints)]


async def checkpoints(request: Request) -> Response:
    """Checkpoints behind the number ``after``, oldest first, each with its signature: keep them, and compare."""
    reads, _ = context_of(request).book.databases
    after = number_in(request, "after", default=0, low=0, high=999_999_999)
    limit = number_in(request, "limit", default=100, low=1, high=LIMIT_MAX)
    found = await reads.read(lambda sql: stored.after(sql, after, limit))
    told = [{"number": one.number, "body": msgspec.Raw(one.body.encode()), "signature": one.signature} for one in found]
    return json({"checkpoints": told})
