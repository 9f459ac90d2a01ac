"""Reading claims as a platform has named them: which claim says who, which role, which rooms."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from livegift.errors import CannotRun
from livegift.identity.claims import ROLES, Claims, TokenRefused
from livegift.identity.own import is_room_scope, shared_scope

FIELDS = {"user": "sub", "name": "name", "role": "role", "rooms": "rooms", "adult": "adult"}
"""What is read from a token, and the claim that says it unless the setting names another."""


@dataclass(frozen=True, slots=True)
class ClaimMapping:
    """Where each of ``FIELDS`` stands, and which of the platform's roles is which of ours.

    A claim is named by its key, or by a path of keys with dots; a key that holds the whole name goes first, so that
    ``https://example.org/role`` is one key. A role may be one text or a list; the first entry of ``roles`` that it
    holds counts, else a role of ours that it names, else ``default_role``.
    """

    fields: Mapping[str, str] = field(default_factory=lambda: FIELDS)
    roles: Mapping[str, str] = field(default_factory=dict)
    default_role: str = "viewer"

    @classmethod
    def parsed(cls, fields: str, roles: str, default_role: str) -> "ClaimMapping":
        """Read the settings ``field=claim,…`` and ``theirs=ours,…``; raises ``CannotRun`` for what names nothing."""
        named, ranked = _pairs(fields, "jwt_claims"), _pairs(roles, "jwt_roles")
        for name in named:
            if name not in FIELDS:
                raise CannotRun(f"jwt_claims names {name!r}; it must be one of {', '.join(FIELDS)}.")
        for role in (*ranked.values(), default_role):
            if role not in ROLES:
                raise CannotRun(f"jwt_roles names the role {role!r}; it must be one of {', '.join(ROLES)}.")
        return cls({**FIELDS, **named}, ranked, default_role)

    def read(self, claims: Mapping[str, Any], *, expires_ms: int, issued_ms: int) -> Claims:
        """Return what they say; raises ``TokenRefused`` where the user is missing or something is of a wrong kind."""
        user, name, rooms, adult = (self._at(claims, key) for key in ("user", "name", "rooms", "adult"))
        if isinstance(user, int) and not isinstance(user, bool):
            user = str(user)
        if not isinstance(user, str) or not user:
            raise TokenRefused("bad_token", f"the claim {self.fields['user']} is missing")
        name = user if name is None else name
        if not isinstance(name, str) or "\x00" in user + name:
            raise TokenRefused("bad_token", f"the claim {self.fields['name']} is no text")
        if not is_room_scope(rooms):
            raise TokenRefused("bad_token", f"the claim {self.fields['rooms']} is no list of ids")
        if adult is not None and not isinstance(adult, bool):
            raise TokenRefused("bad_token", f"the claim {self.fields['adult']} is neither true nor false")
        scope = None if rooms is None else shared_scope(tuple(rooms))
        return Claims(user, name, self._role(self._at(claims, "role")), expires_ms, issued_ms, scope, adult)

    def _at(self, claims: Mapping[str, Any], name: str) -> Any:
        path = self.fields[name]
        if path in claims:
            return claims[path]
        value: Any = claims
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def _role(self, said: Any) -> str:
        theirs = said if isinstance(said, list) else [said]
        for name, ours in self.roles.items():
            if name in theirs:
                return sys.intern(ours)
        return next((sys.intern(role) for role in theirs if role in ROLES), sys.intern(self.default_role))


def _pairs(text: str, setting: str) -> dict[str, str]:
    pairs = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        left, equals, right = part.partition("=")
        if not (equals and left.strip() and right.strip()):
            raise CannotRun(f"{setting} has {part!r}; it must be name=name,name=name.")
        pairs[left.strip()] = right.strip()
    return pairs
