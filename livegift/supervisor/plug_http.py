"""The plug's page and its API, on the demo's admin port: it must outlive the edges that it kills.

Nobody signs in here, so the browser is what must not be fooled. A name that a stranger points at this machine (DNS
rebinding) is no Host of ours, and what changes something needs an Origin equal to the Host and a JSON body, which a
foreign page can't send without asking first.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

import msgspec
from secure.middleware import SecureASGIMiddleware
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from livegift.edge import pages
from livegift.edge.problems import problem_response
from livegift.edge.process import security_headers
from livegift.supervisor.plug import NotNow, Plug

BODY_BYTES_MAX = 1_024
NO_STORE = {"Cache-Control": "no-store"}

Endpoint = Callable[[Request], Awaitable[Response]]


class Strike(msgspec.Struct):
    """Body of POST /plug/kill."""

    role: str


def routes(plug: Plug, *, host: str) -> list[BaseRoute]:
    """Return the routes of the page; ``host`` is the name or address that the admin port was given."""

    async def state(request: Request) -> Response:
        after = request.query_params.get("after", "0")
        if not after.isdecimal():
            return problem_response("bad_request", f"after is {after!r}; it must be a whole number.")
        return _json(plug.state(int(after)))

    async def start(_: Request) -> Response:
        plug.start()
        return _json(plug.state(0))

    async def kill(request: Request) -> Response:
        try:
            role = msgspec.json.decode(await _body(request), type=Strike).role
        except msgspec.DecodeError as error:
            return problem_response("bad_request", f"The body is not {{role}}: {error}.")
        if role not in plug.roles:
            return problem_response("bad_request", f"role is {role!r}; it must be one of {', '.join(plug.roles)}.")
        return _json({"role": role, "pid": plug.kill(role)})

    async def finish(_: Request) -> Response:
        plug.finish()
        return _json({})

    async def home(_: Request) -> Response:
        return RedirectResponse("/plug")

    reads: dict[str, Endpoint] = {"/": home, "/plug": pages.page_of("plug.html"), "/plug/state": state}
    changes: dict[str, Endpoint] = {"/plug/start": start, "/plug/kill": kill, "/plug/finish": finish}
    inner: list[BaseRoute] = [Route(path, _own(endpoint, host)) for path, endpoint in reads.items()]
    inner += [Route(path, _own(_meant(endpoint), host), methods=["POST"]) for path, endpoint in changes.items()]
    inner += [pages.assets()]
    return [Mount("", routes=inner, middleware=[Middleware(SecureASGIMiddleware, secure=security_headers())])]


def _own(endpoint: Endpoint, host: str) -> Endpoint:
    """Answer only those who call this machine by its address, ``localhost`` or the name that it was given."""

    async def guarded(request: Request) -> Response:
        if not is_own(request.headers.get("host", ""), host):
            return problem_response("not_allowed", "The Host is not an address of this server.")
        return await endpoint(request)

    return guarded


def _meant(endpoint: Endpoint) -> Endpoint:
    """Answer only a JSON request of our own page, or of a program that says that it means it."""

    async def guarded(request: Request) -> Response:
        if refused := _refused(request.headers):
            return refused
        try:
            return await endpoint(request)
        except NotNow as error:
            return problem_response("busy", str(error), status=409)

    return guarded


def _refused(headers: Mapping[str, str]) -> Response | None:
    origin = headers.get("origin", "")
    if urlsplit(origin).netloc != headers.get("host") or not origin.startswith(("http://", "https://")):
        return problem_response("not_allowed", f"The Origin is {origin or 'missing'}; it must be this page's own.")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        detail = f"The body's type is {kind or 'missing'}; it must be application/json."
        return problem_response("unsupported_type", detail)
    return None


def is_own(name: str, host: str) -> bool:
    """Whether a Host header holds an address (which no name server can rebind), ``localhost`` or ``host``."""
    try:
        hostname = urlsplit(f"//{name}").hostname or ""
    except ValueError:  # half an IPv6 address
        return False
    if hostname in ("localhost", host.lower()):
        return True
    try:
        ipaddress.ip_address(hostname)
    except ValueError:
        return False
    return True


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            return b""  # which is no JSON, and is answered so
    return body


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), headers=NO_STORE, media_type="application/json")
