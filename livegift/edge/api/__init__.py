"""The HTTP API under /v1: JSON in, JSON out, errors as problem documents. One module a subject."""

from starlette.routing import Route

from livegift.edge.api import documents, rooms, wallets


def routes() -> list[Route]:
    """Return the API's routes."""
    return [*rooms.routes(), *wallets.routes(), *documents.routes()]
