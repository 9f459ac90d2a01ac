"""A small OpenID provider that signs everybody in at once: it checks what a client owes it, and can be made to lie."""

import asyncio
import base64
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.issuer import as_set

CLIENT, CLIENT_SECRET = "livegift-studio", "a client's secret of the test"


class Provider:
    """Serves on a free port. ``lies`` go over the claims of its next tokens; ``codes`` are good once."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65_537, 2_048)
        self.signs_with = self.key
        self.url = ""
        self.lies: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.denies = False

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.metadata),
                Route("/keys", lambda _: Response(as_set(k1=self.key), media_type="application/json")),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
            ]
        )

    async def metadata(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            }
        )

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert (asked["client_id"], asked["response_type"], asked["code_challenge_method"]) == (CLIENT, "code", "S256")
        assert "openid" in asked["scope"].split()
        if self.denies:
            answer = {"error": "access_denied", "state": asked["state"]}
        else:
            code = hashlib.sha256(asked["state"].encode()).hexdigest()
            self.codes[code] = asked
            answer = {"code": code, "state": asked["state"]}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 302)

    async def token(self, request: Request) -> Response:
        asked = dict(parse_qsl((await request.body()).decode()))
        known = self.codes.pop(asked.get("code", ""), None)
        client = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
        challenge = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        if (
            known is None
            or request.headers.get("authorization") != f"Basic {client}"
            or known["code_challenge"] != base64.urlsafe_b64encode(challenge).decode().rstrip("=")
            or known["redirect_uri"] != asked.get("redirect_uri")
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "sub": "luna", "name": "Luna", "groups": ["streamers"]}
        claims |= {"iat": now, "exp": now + 300, "nonce": known["nonce"], **self.lies}
        token = jwt.encode(claims, self.signs_with, "RS256", headers={"kid": "k1"})
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": token})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Provider"]:
        config = uvicorn.Config(
            self.app(), port=0, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
        task = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        host, port = server.servers[0].sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            server.should_exit = True
            await task
