"""The HTTP API under /v1: JSON in, JSON out, errors as problem documents. One module a subject."""

from starlette.routing import Route

from livegift.edge.api import (
    documents,
    moderation,
    platform_coins,
    platform_events,
    platform_rooms,
    platform_users,
    rooms,
    wallets,
)


def routes() -> list[Route]:
    """Return the API's routes."""
    parts = (rooms, platform_rooms, platform_users, platform_coins, platform_events, moderation, wallets, documents)
    return [route for part in parts for route in part.routes()]
