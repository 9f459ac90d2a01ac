"""The keys that a platform's tokens are signed with: one secret, or a published set (JWKS, RFC 7517) that rotates.

A set is read at the start, again every ``REFRESH_S``, and when a token names a key that is not in it, at most once in
``MISS_S``: an issuer's new key is known with its first token, and tokens that name nonsense can't make us ask again and
again. While the issuer does not answer, the keys known last stand.
"""

import asyncio
import json
from pathlib import Path
from typing import Protocol

import httpx2
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from livegift.clock import monotonic_ms
from livegift.errors import CannotRun

REFRESH_S = 300
MISS_S = 5
FETCH_S = 5
SET_BYTES_MAX = 1 << 20
CANDIDATES_MAX = 8

Key = OctKey | RSAKey | ECKey | OKPKey

log = structlog.get_logger(__name__)


class Keys(Protocol):
    """Where keys come from."""

    async def candidates(self, kid: str | None) -> list[Key]:
        """Return the keys that a token with that key id may be signed with; empty if there is none."""

    async def run(self) -> None:
        """Keep them fresh until cancelled."""


class SharedSecret:
    """One secret that platform and server share (HS256, HS384, HS512)."""

    def __init__(self, secret: str) -> None:
        self._key = OctKey.import_key(secret)

    async def candidates(self, kid: str | None) -> list[Key]:
        """Return the secret, whatever the token calls it."""
        return [self._key]

    async def run(self) -> None:
        """Do nothing."""


class PublishedKeys:
    """A set at ``https://…`` or in a file. ``read`` must have succeeded once."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._keys: list[Key] = []
        self._tried_ms = monotonic_ms() - MISS_S * 1_000
        self._asking = asyncio.Lock()

    async def candidates(self, kid: str | None) -> list[Key]:
        """Return the keys of that id, all public keys for a token that names none; reads the set again on a miss."""
        found = self._named(kid)
        if not found:
            async with self._asking:
                found = self._named(kid)
                if not found and monotonic_ms() - self._tried_ms >= MISS_S * 1_000:
                    await self._try()
                    found = self._named(kid)
        return found

    def _named(self, kid: str | None) -> list[Key]:
        return [key for key in self._keys if kid is None or key.kid == kid][:CANDIDATES_MAX]

    async def read(self) -> None:
        """Read the set; raises ``CannotRun`` with a sentence if there is none to be had."""
        self._tried_ms = monotonic_ms()
        try:
            keys = KeySet.import_key_set(json.loads(await self._bytes()))
        except (OSError, httpx2.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
            raise CannotRun(f"The keys at {self._where} can't be read: {error or type(error).__name__}.") from error
        # A secret has no place among published keys: with one, whoever reads the set could sign.
        self._keys = [key for key in keys if not isinstance(key, OctKey)]

    async def _try(self) -> None:
        try:
            async with asyncio.timeout(FETCH_S):
                await self.read()
        except (CannotRun, TimeoutError) as error:
            log.warning("keys_not_read", where=self._where, why=str(error) or "no answer in time")

    async def _bytes(self) -> bytes:
        if not self._where.startswith(("https://", "http://")):
            return await asyncio.to_thread(Path(self._where).read_bytes)
        async with (
            httpx2.AsyncClient(timeout=FETCH_S, follow_redirects=True) as http,
            http.stream("GET", self._where, headers={"Accept": "application/json"}) as answer,
        ):
            answer.raise_for_status()
            body = bytearray()
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > SET_BYTES_MAX:
                    raise ValueError(f"it is larger than {SET_BYTES_MAX} bytes")
            return bytes(body)

    async def run(self) -> None:
        """Read the set again now and then, until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_S)
            async with self._asking:
                await self._try()
