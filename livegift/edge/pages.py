"""The built pages: HTML files and their assets. They are made by the package's build, not committed."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from livegift.edge.problems import base_of

WEB = Path(__file__).parent.parent / "web"
MISSING = "The pages are not built: run `make demo` in a checkout, or install livegift with pip, which builds them.\n"
FOREVER = "public, max-age=31536000, immutable"
SHORT = "public, max-age=300"


NO_MORE: Mapping[str, str] = {}
SDK_FILES = ("livegift.js", "livegift-msgpack.js", "livegift.d.ts", "livegift-msgpack.d.ts")
SDK = {"Access-Control-Allow-Origin": "*"}
"""Any product's page may load the SDK from here. The API has no such header: nothing that a token opens is shared."""


class Assets(StaticFiles):
    """Assets: those with a hash in their name may be kept for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file, with how long it may be kept."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = FOREVER if _has_hash(path) else SHORT
        return response


def _has_hash(path: str) -> bool:
    parts = Path(path).name.replace("-", ".").split(".")
    return len(parts) >= 3 and len(parts[-2]) == 8 and parts[-2].isalnum()


def routes() -> list[BaseRoute]:
    """Return the pages' routes."""
    return [
        Route("/", page_of("index.html")),
        Route("/r/{room_id}", page_of("room.html")),
        Route("/studio", page_of("studio.html")),
        Route("/docs", page_of("docs.html")),
        Route("/docs/protocol", page_of("docs.html")),
        *(Route(f"/{name}", page_of(name, SDK)) for name in SDK_FILES),
        assets(),
    ]


def assets() -> BaseRoute:
    """Return the route of scripts, styles and art."""
    return Mount("/assets", Assets(directory=WEB / "assets", check_dir=False))


def page_of(name: str, headers: Mapping[str, str] = NO_MORE) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers with a built page."""
    media_type = "text/javascript" if name.endswith(".js") else "text/plain" if name.endswith(".ts") else None

    async def page(request: Request) -> Response:
        if not WEB.is_dir():
            return PlainTextResponse(MISSING, 503)
        path = WEB / name
        if not path.is_file():
            raise HTTPException(404, f"there is no {name}")
        base, told = base_of(request.scope), {"Cache-Control": "no-cache", **headers}
        has_login = name == "studio.html" and request.app.state.context.oidc is not None
        if name.endswith(".html") and (base or has_login):
            return HTMLResponse(_told(path.read_text(), base, has_login=has_login), headers=told)
        return FileResponse(path, headers=told, media_type=media_type)

    return page


def _told(page: str, base: str, *, has_login: bool) -> str:
    """Return a page that knows where it is and whether people sign in: its root element says so (``ui/base.js``)."""
    told = f'data-base="{base}"' + ' data-login=""' * has_login
    return page.replace('"/assets/', f'"{base}/assets/').replace("<html ", f"<html {told} ", 1)
