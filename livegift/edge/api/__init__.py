"""The HTTP API under /v1: JSON in, JSON out, errors as problem documents. One module a subject."""

from starlette.routing import Route

from livegift.edge.api import (
    audit_log,
    checkpoints,
    documents,
    moderation,
    platform_coins,
    platform_events,
    platform_rooms,
    platform_users,
    rooms,
    wallets,
)

PARTS = (
    *(rooms, platform_rooms, platform_users, platform_coins, platform_events),
    *(moderation, checkpoints, audit_log, wallets, documents),
)


def routes() -> list[Route]:
    """Return the API's routes."""
    return [route for part in PARTS for route in part.routes()]
