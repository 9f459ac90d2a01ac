"""Signing in to the studio with an OpenID provider: authorization code with PKCE (OpenID Connect Core 1.0, RFC 7636).

Nothing is kept on the server between the two requests: state, nonce and verifier travel in a sealed cookie, so any edge
can finish what another began. What the provider says is judged like any platform's token (``jwt.py``): signature by its
published keys, issuer, audience, times; then by the nonce. The session is then one of our own tokens.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2
import msgspec
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.auth import encode_client_secret_basic
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc6749.parameters import parse_authorization_code_response, prepare_token_request
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from msgspec import Struct

from livegift.config import Config
from livegift.errors import CannotRun, Unavailable
from livegift.identity.claims import Claims, TokenRefused
from livegift.identity.jwt import JwtIdentity
from livegift.identity.keys import PublishedKeys
from livegift.identity.mapping import ClaimMapping
from livegift.secrets import read_secret

BEGUN_S = 600
"""How long somebody may take at the provider."""
ASK_S = 5
DOCUMENT_BYTES_MAX = 262_144
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
SCOPE = "openid profile"
PATH = "/login/done"


class _Discovered(Struct):
    """What of the provider's metadata is needed (OpenID Connect Discovery 1.0, 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class _Tokens(Struct):
    id_token: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A login that has begun: where to send the browser, and the cookie that it brings back."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class _Provider:
    found: _Discovered
    judge: JwtIdentity


class Oidc:
    """One provider, asked for what it is at the first login: one that is away stops no gift and no start."""

    def __init__(self, config: Config, secret: bytes, client_secret: str | None) -> None:
        assert config.oidc_issuer is not None
        assert config.oidc_client_id is not None
        assert config.public_url is not None
        self._issuer = config.oidc_issuer
        self._leeway_ms = config.jwt_leeway_ms
        self._mapping = ClaimMapping.parsed(config.oidc_claims or "", config.oidc_roles or "", config.oidc_default_role)
        self._client_secret = client_secret
        self._client = OAuth2Client(
            None,
            config.oidc_client_id,
            client_secret,
            scope=SCOPE,
            redirect_uri=config.public_url + PATH,
            code_challenge_method="S256",
        )
        self._seal = OctKey.import_key(hashlib.blake2b(b"login", key=secret, digest_size=32).digest())
        self._provider: _Provider | None = None
        self._asking = asyncio.Lock()

    @classmethod
    def opened(cls, config: Config, secret: bytes) -> Self | None:
        """Return what the settings ``oidc_…`` describe, None if they name no issuer. Raises ``CannotRun``."""
        if config.oidc_issuer is None:
            return None
        if not config.oidc_client_id or not config.public_url:
            raise CannotRun("oidc_issuer is set: set oidc_client_id and public_url, too.")
        for name, url in (("oidc_issuer", config.oidc_issuer), ("public_url", config.public_url)):
            parts = urlsplit(url)
            if parts.scheme not in ("https", "http") or not parts.netloc:
                raise CannotRun(f"{name} is {url!r}; it must be a URL as https://accounts.example.com.")
        if config.public_url.endswith("/") or not config.public_url.endswith(config.base_path):
            raise CannotRun("public_url must end with base_path, and with no slash.")
        found = config.oidc_client_secret_file
        return cls(config, secret, read_secret(found, setting="oidc_client_secret_file") if found else None)

    async def begin(self, *, now_ms: int) -> Begun:
        """Return where the browser is to go. Raises ``Unavailable`` while the provider does not answer."""
        provider = await self._known()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        url, _ = self._client.create_authorization_url(
            provider.found.authorization_endpoint, state=state, nonce=nonce, code_verifier=verifier
        )
        sealed = {"state": state, "nonce": nonce, "verifier": verifier, "exp": now_ms // 1_000 + BEGUN_S}
        return Begun(url, jwt.encode({"alg": "HS256", "typ": "login"}, sealed, self._seal))

    async def finish(self, query: str, cookie: str, *, now_ms: int) -> Claims:
        """Return who has come back. Raises ``TokenRefused`` if it is not whom we sent, ``Unavailable``."""
        begun = self._opened(cookie, now_ms)
        try:
            answer = parse_authorization_code_response(f"{PATH}?{query}", state=begun["state"])
        except AuthlibBaseError as error:
            raise TokenRefused("bad_token", "the provider has not signed you in, or not at our request") from error
        provider = await self._known()
        tokens = await self._exchange(provider.found.token_endpoint, answer["code"], begun["verifier"])
        claims = await provider.judge.verify(tokens.id_token, now_ms)
        said = msgspec.json.decode(jws.extract_compact(tokens.id_token.encode()).payload).get("nonce")
        if not isinstance(said, str) or not hmac.compare_digest(said.encode(), begun["nonce"].encode()):
            raise TokenRefused("bad_token", "the provider's token is of another login")
        return claims

    def _opened(self, cookie: str, now_ms: int) -> dict[str, Any]:
        try:
            token = jwt.decode(cookie, self._seal, algorithms=["HS256"])
        except (JoseError, ValueError) as error:
            raise TokenRefused("bad_token", "no login has begun in this browser") from error
        begun = dict(token.claims)
        if token.header.get("typ") != "login" or begun.get("exp", 0) * 1_000 < now_ms:
            raise TokenRefused("token_expired", "the login took too long")
        return begun

    async def _exchange(self, endpoint: str, code: str, verifier: str) -> _Tokens:
        parameters: dict[str, str] = {"code": code, "code_verifier": verifier}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if self._client_secret is None:
            parameters["client_id"] = self._client.client_id
        body = prepare_token_request("authorization_code", "", self._client.redirect_uri, **parameters)
        if self._client_secret is not None:
            _, headers, _ = encode_client_secret_basic(self._client, "POST", endpoint, headers, body)
        status, found = await _ask("POST", endpoint, body, headers)
        if status != 200:
            raise TokenRefused("bad_token", "the provider does not take its own code")
        try:
            return msgspec.json.decode(found, type=_Tokens)
        except msgspec.MsgspecError as error:
            raise Unavailable("the provider answers without an ID token") from error

    async def _known(self) -> _Provider:
        async with self._asking:
            if self._provider is None:
                self._provider = await self._discover()
        return self._provider

    async def _discover(self) -> _Provider:
        url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        status, body = await _ask("GET", url, "", {"Accept": "application/json"})
        try:
            found = msgspec.json.decode(body, type=_Discovered)
        except msgspec.MsgspecError as error:
            raise Unavailable(f"{url} answers {status} and no provider's metadata") from error
        if found.issuer != self._issuer:
            raise Unavailable(f"{url} is another issuer's")
        keys = PublishedKeys(found.jwks_uri)
        try:
            await keys.read()
        except CannotRun as error:
            raise Unavailable(str(error)) from error
        judge = JwtIdentity(
            keys,
            self._mapping,
            algorithms=ALGORITHMS,
            issuer=self._issuer,
            audience=self._client.client_id,
            leeway_ms=self._leeway_ms,
            believed_ms_max=BEGUN_S * 1_000,
        )
        return _Provider(found, judge)


async def _ask(method: str, url: str, body: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Return status and body. Raises ``Unavailable``."""
    try:
        async with (
            httpx2.AsyncClient(timeout=ASK_S) as http,
            http.stream(method, url, content=body.encode(), headers=dict(headers)) as answer,
        ):
            found = bytearray()
            async for piece in answer.aiter_bytes():
                found += piece
                if len(found) > DOCUMENT_BYTES_MAX:
                    raise Unavailable(f"{url} answers with more than {DOCUMENT_BYTES_MAX} bytes")
            return answer.status_code, bytes(found)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Unavailable(f"the provider does not answer: {type(error).__name__}") from error
