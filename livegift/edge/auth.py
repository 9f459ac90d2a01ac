"""Who is speaking: JWTs (HS256) signed with the deployment's secret, which stands in ``<data>/secret.key``.

A token says its user's id, name, role and end. Only HS256 is accepted, whatever a token's header claims.
"""

import contextlib
import os
import secrets
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from livegift.errors import CannotRun

ALGORITHMS = ["HS256"]
SECRET_BYTES = 32
ROLES = ("viewer", "creator")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good token says; ``expires_ms`` since 1970."""

    user: str
    name: str
    role: str
    expires_ms: int


class TokenRefused(Exception):
    """The token does not open the door; ``code`` is bad_token or token_expired."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def load_secret(path: Path) -> bytes:
    """Return the deployment's secret, making it at the first start.

    Safe between processes: the file appears whole or not at all, and the first one stays. Raises ``CannotRun`` for a
    file that others may read, or that holds no secret.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".secret")
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(SECRET_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was first: its secret stays
                path.hardlink_to(name)
        finally:
            Path(name).unlink()
    if path.stat().st_mode & 0o077:
        raise CannotRun(f"{path} can be read by others: chmod 600 it, or remove it to get a new one (tokens then end)")
    text = path.read_text().strip()
    if len(text) != 2 * SECRET_BYTES or text.strip("0123456789abcdef"):
        raise CannotRun(f"{path} must hold {2 * SECRET_BYTES} hex digits; remove it to get a new one (tokens then end)")
    return bytes.fromhex(text)


def mint(secret: bytes, user: str, name: str, role: str, ttl_s: int) -> str:
    """Return a token of that user, good for ``ttl_s`` seconds from now. Raises ``ValueError`` for an unknown role."""
    if role not in ROLES:
        raise ValueError(f"role is {role!r}, must be one of {', '.join(ROLES)}")
    now_s = int(time.time())
    claims = {"sub": user, "name": name, "role": role, "iat": now_s, "exp": now_s + ttl_s}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))


@lru_cache(maxsize=4)
def _key(secret: bytes) -> OctKey:
    return OctKey.import_key(secret)


def verify(secret: bytes, token: str, now_ms: int) -> Claims:
    """Return what a token says; raises ``TokenRefused`` if it is not ours, is incomplete, or has ended."""
    try:
        claims = jwt.decode(token, _key(secret), algorithms=ALGORITHMS).claims
    except (JoseError, ValueError) as error:
        raise TokenRefused("bad_token") from error
    user, name, role, ends_s = (claims.get(field) for field in ("sub", "name", "role", "exp"))
    if not (isinstance(user, str) and user and isinstance(name, str) and role in ROLES and isinstance(ends_s, int)):
        raise TokenRefused("bad_token")
    if "\x00" in user + name:  # no book could hold it
        raise TokenRefused("bad_token")
    if ends_s * 1_000 <= now_ms:
        raise TokenRefused("token_expired")
    # Few roles, very many connections: one text for all of them.
    return Claims(user, name, sys.intern(str(role)), ends_s * 1_000)
