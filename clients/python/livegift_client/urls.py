"""Addresses: one base URL gives both the WebSocket's and the HTTP API's."""

from urllib.parse import urlsplit, urlunsplit

_TO_WS = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_TO_HTTP = {"ws": "http", "wss": "https", "http": "http", "https": "https"}


def websocket_url(url: str) -> str:
    """Return ``ws(s)://…/v1/ws`` for a server's base URL of any of the four schemes; a full one is left as it is."""
    return _with(url, _TO_WS, "/v1/ws")


def http_url(url: str) -> str:
    """Return ``http(s)://…`` without a trailing slash for a server's base URL of any of the four schemes."""
    return _with(url.removesuffix("/v1/ws"), _TO_HTTP, "")


def _with(url: str, schemes: dict[str, str], path: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.netloc:
        raise ValueError(f"{url!r} is no base URL, expected something like https://gifts.example.org")
    base = parts.path.rstrip("/").removesuffix(path) if path else parts.path.rstrip("/")
    return urlunsplit((schemes[parts.scheme], parts.netloc, base + path, "", ""))
