"""Tokens that a platform mints already: any JWT, judged by the settings ``jwt_…``."""

import warnings
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError, SecurityWarning

from livegift.config import Config
from livegift.errors import CannotRun
from livegift.identity.claims import Claims, TokenRefused
from livegift.identity.keys import Keys, PublishedKeys, SharedSecret
from livegift.identity.mapping import ClaimMapping
from livegift.secrets import read_secret

SHARED = ("HS256", "HS384", "HS512")
PUBLIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
SECRET_CHARS_MIN = 32
FUTURE = "its times are in the future"


class JwtIdentity:
    """Judges JWTs: signature, issuer, audience, times; reads the claims as ``mapping`` says."""

    def __init__(
        self,
        keys: Keys,
        mapping: ClaimMapping,
        *,
        algorithms: list[str],
        issuer: str,
        audience: str,
        leeway_ms: int,
        believed_ms_max: int,
    ) -> None:
        self._keys = keys
        self._mapping = mapping
        self._algorithms = algorithms
        self._issuer, self._audience = issuer, audience
        self._leeway_ms, self._believed_ms_max = leeway_ms, believed_ms_max

    @classmethod
    async def opened(cls, config: Config) -> "JwtIdentity":
        """Return what the settings describe, with its keys read; raises ``CannotRun`` for what can't be safe."""
        if [config.jwt_secret, config.jwt_secret_file, config.jwt_keys].count(None) != 2:
            raise CannotRun("identity is jwt: set one of jwt_secret, jwt_secret_file and jwt_keys.")
        if not config.jwt_issuer or not config.jwt_audience:
            raise CannotRun("identity is jwt: set jwt_issuer and jwt_audience, else tokens for others are good here.")
        fitting = PUBLIC if config.jwt_keys is not None else SHARED
        algorithms = [name.strip() for name in config.jwt_algorithms.split(",")] if config.jwt_algorithms else []
        for name in algorithms:
            if name not in fitting:
                raise CannotRun(f"jwt_algorithms names {name!r}; with these keys it may be {', '.join(fitting)}.")
        keys: Keys
        if config.jwt_keys is not None:
            keys = published = PublishedKeys(config.jwt_keys)
            await published.read()
        else:
            secret = config.jwt_secret
            if config.jwt_secret_file is not None:
                secret = read_secret(config.jwt_secret_file, setting="jwt_secret_file")
            assert secret is not None
            if len(secret) < SECRET_CHARS_MIN:
                raise CannotRun(f"jwt_secret is shorter than {SECRET_CHARS_MIN} characters: it could be guessed.")
            keys = SharedSecret(secret)
        return cls(
            keys,
            ClaimMapping.parsed(config.jwt_claims or "", config.jwt_roles or "", config.jwt_default_role),
            algorithms=algorithms or [fitting[0]],
            issuer=config.jwt_issuer,
            audience=config.jwt_audience,
            leeway_ms=config.jwt_leeway_ms,
            believed_ms_max=config.jwt_believed_s_max * 1_000,
        )

    async def run(self) -> None:
        """Keep the keys fresh until cancelled."""
        await self._keys.run()

    async def close(self) -> None:
        """Nothing is held between two reads of the keys."""

    async def verify(self, token: str, now_ms: int) -> Claims:
        """Return what a token says; raises ``TokenRefused``."""
        claims = await self._signed(token)
        if claims.get("iss") != self._issuer:
            raise TokenRefused("bad_token", "another issuer's")
        said = claims.get("aud")
        if self._audience not in (said if isinstance(said, list) else [said]):
            raise TokenRefused("bad_token", "for another audience")
        expires_ms, issued_ms = _time_ms(claims, "exp"), _time_ms(claims, "iat")
        starts_ms = _time_ms(claims, "nbf")
        if expires_ms is None:
            raise TokenRefused("bad_token", "it has no end (exp)")
        if max(issued_ms or 0, starts_ms or 0) > now_ms + self._leeway_ms:
            raise TokenRefused("bad_token", FUTURE)
        if issued_ms is not None:
            # However long the platform lets it live, we believe it so long; then it must be refreshed.
            expires_ms = min(expires_ms, issued_ms + self._believed_ms_max)
        elif expires_ms > now_ms + self._leeway_ms + self._believed_ms_max:
            raise TokenRefused("bad_token", "it does not say when it was issued (iat), and lives too long")
        if expires_ms + self._leeway_ms <= now_ms:
            raise TokenRefused("token_expired")
        return self._mapping.read(claims, expires_ms=expires_ms + self._leeway_ms, issued_ms=issued_ms or 0)

    async def _signed(self, token: str) -> dict[str, Any]:
        try:
            kid = jws.extract_compact(token.encode()).headers().get("kid")
        except (JoseError, ValueError) as error:
            raise TokenRefused("bad_token", type(error).__name__) from error
        if kid is not None and not isinstance(kid, str):
            raise TokenRefused("bad_token", "its key id is no text")
        why = "no key of that id"
        for key in await self._keys.candidates(kid):
            try:
                with warnings.catch_warnings():
                    # RFC 9864 renames EdDSA to Ed25519; who mints tokens has not followed yet.
                    warnings.simplefilter("ignore", SecurityWarning)
                    return jwt.decode(token, key, algorithms=self._algorithms).claims
            except (JoseError, ValueError) as error:
                why = type(error).__name__
        raise TokenRefused("bad_token", why)


def _time_ms(claims: dict[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise TokenRefused("bad_token", f"{name} is no time")
    return int(value * 1_000)
