"""What the deployment has signed, for everybody: checkpoints and the public key."""

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.edge.api.audit_log import LinesQuery
from livegift.edge.api.describing import describe
from livegift.edge.api.paging import Number, Pages
from livegift.edge.api.reading import context_of, json, query_of
from livegift.store import checkpoints as stored

PAGES = Pages[int]("checkpoints", Number)


class SignedCheckpoint(Struct, frozen=True):
    """A checkpoint: ``signature`` (Ed25519, hex) is over ``body`` with sorted keys and without spaces."""

    number: int
    body: msgspec.Raw
    signature: str


class CheckpointList(Struct, frozen=True):
    """A page of checkpoints, oldest first."""

    checkpoints: list[SignedCheckpoint]
    next: str | None


def routes() -> list[Route]:
    """Return these routes."""
    return [Route("/v1/checkpoints", checkpoints)]


@describe(tag="proofs", answer=CheckpointList, query=LinesQuery)
async def checkpoints(request: Request) -> Response:
    """Read the checkpoints, oldest first, each with its signature: keep them, and compare them with others'."""
    query = query_of(request, LinesQuery)
    after = max(query.after, PAGES.place(query.cursor) or 0)
    reads, _ = context_of(request).book.databases
    found = await reads.read(lambda sql: stored.after(sql, after, query.limit + 1))
    shown, behind = PAGES.page(found, query.limit, lambda one: one.number)
    told = [SignedCheckpoint(one.number, msgspec.Raw(one.body.encode()), one.signature) for one in shown]
    return json(CheckpointList(told, behind))
