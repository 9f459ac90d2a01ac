"""The deployment's own tokens: JWTs (HS256) signed with its secret, made by ``livegift token`` and by its servers.

Only HS256 is accepted, whatever a token's header claims.
"""

import sys
from collections.abc import Sequence
from functools import lru_cache

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from livegift.clock import now_ms
from livegift.identity.claims import ROLES, Claims, TokenRefused

ALGORITHMS = ["HS256"]


def mint(
    secret: bytes,
    user: str,
    name: str,
    role: str,
    ttl_s: int,
    *,
    rooms: Sequence[str] | None = None,
    is_adult: bool | None = None,
) -> str:
    """Return a token of that user, good for ``ttl_s`` seconds from now. Raises ``ValueError`` for an unknown role."""
    if role not in ROLES:
        raise ValueError(f"role is {role!r}, must be one of {', '.join(ROLES)}")
    issued_ms = now_ms()
    # Issued to the millisecond, never a later one: of before a revocation it must end, of after it, in the same second,
    # be good.
    claims: dict[str, object] = {"sub": user, "name": name, "role": role, "iat": issued_ms / 1_000}
    claims["exp"] = issued_ms // 1_000 + ttl_s
    if rooms is not None:
        claims["rooms"] = list(rooms)
    if is_adult is not None:
        claims["adult"] = is_adult
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))


@lru_cache(maxsize=4)
def _key(secret: bytes) -> OctKey:
    return OctKey.import_key(secret)


def verify(secret: bytes, token: str, now_ms: int) -> Claims:
    """Return what a token says; raises ``TokenRefused`` if it is not ours, is incomplete, or has ended."""
    try:
        claims = jwt.decode(token, _key(secret), algorithms=ALGORITHMS).claims
    except (JoseError, ValueError) as error:
        raise TokenRefused("bad_token", type(error).__name__) from error
    user, name, role, ends_s = (claims.get(field) for field in ("sub", "name", "role", "exp"))
    issued_s, rooms, adult = claims.get("iat", 0), claims.get("rooms"), claims.get("adult")
    if not (isinstance(user, str) and user and isinstance(name, str) and role in ROLES and isinstance(ends_s, int)):
        raise TokenRefused("bad_token", "its claims are incomplete")
    if not (isinstance(issued_s, int | float) and is_room_scope(rooms) and (adult is None or isinstance(adult, bool))):
        raise TokenRefused("bad_token", "its claims are of the wrong kind")
    if "\x00" in user + name:  # no book could hold it
        raise TokenRefused("bad_token", "a NUL in its claims")
    if ends_s * 1_000 <= now_ms:
        raise TokenRefused("token_expired")
    # Few roles and scopes, very many connections: one text for all of them.
    scope = None if rooms is None else shared_scope(tuple(rooms))
    return Claims(user, name, sys.intern(str(role)), ends_s * 1_000, round(issued_s * 1_000), scope, adult)


def is_room_scope(value: object) -> bool:
    """Whether a claim can say for which rooms a token is good: nothing at all, or a list of ids."""
    return value is None or (isinstance(value, list) and all(isinstance(room, str) for room in value))


@lru_cache(maxsize=1_024)
def shared_scope(rooms: tuple[str, ...]) -> tuple[str, ...]:
    """Return that tuple, the same object each time."""
    return rooms
