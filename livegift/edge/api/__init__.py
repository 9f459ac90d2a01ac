"""The HTTP API under /v1: JSON in, JSON out, errors as problem documents. One module a subject."""

from starlette.routing import Route

from livegift.edge import event_stream
from livegift.edge.api import (
    audit_log,
    checkpoints,
    documents,
    hooks,
    mock_events,
    moderation,
    platform_coins,
    platform_events,
    platform_rooms,
    platform_users,
    rooms,
    wallets,
)
from livegift.edge.api.describing import Operation, operations_of
from livegift.edge.api.examples import EXAMPLES
from livegift.edge.api.resource import resources

PARTS = (
    *(rooms, platform_rooms, platform_users, platform_coins, platform_events),
    *(moderation, checkpoints, audit_log, wallets, mock_events, event_stream, hooks, documents),
)


def operations() -> list[Operation]:
    """Return all that the API does; raises ``LookupError`` if something is not described."""
    others = operations_of([route for part in PARTS for route in part.routes()])
    return [*others, *documents.openapi_of(others, EXAMPLES)]


def routes() -> list[Route]:
    """Return the API's routes, one a path."""
    return resources(operations())
