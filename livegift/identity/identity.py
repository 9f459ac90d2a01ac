"""The door: judges every token, by the deployment's own secret and by the plug-in that the settings name.

A plug-in is a class with the methods of ``Plugin``, made by ``await opened(config)`` and registered by its package in
the entry point group ``livegift.identity``; ``jwt`` is built in. The deployment's own tokens are always good: they are
signed with its secret, which nobody else has.
"""

import asyncio
from importlib.metadata import entry_points
from typing import Protocol

import structlog

from livegift.config import Config
from livegift.errors import CannotRun, Unavailable
from livegift.identity import own
from livegift.identity.claims import Claims, TokenRefused
from livegift.identity.jwt import JwtIdentity

GROUP = "livegift.identity"
OWN = "own"
JUDGED_S = 6
"""How long a plug-in may take for one token: a little more than one fetch of keys. Without it, tokens that come while
an issuer hangs would wait in line for ever."""


AGAIN_S = 5.0
"""Pause after a plug-in's ``run`` has failed."""

log = structlog.get_logger(__name__)


class Plugin(Protocol):
    """Judges tokens that others mint."""

    async def verify(self, token: str, now_ms: int) -> Claims:
        """Return what a token says. ``now_ms`` since 1970.

        Raises ``TokenRefused`` for any text that is no good, and ``Unavailable`` if that can't be known now.
        """

    async def run(self) -> None:
        """Do what must be done now and then, until cancelled; may return at once. What it raises is logged, and it is
        run again after ``AGAIN_S``."""

    async def close(self) -> None:
        """Let go of what it holds; nothing is asked of it any more."""


class Identity:
    """Judges tokens for one process."""

    def __init__(self, secret: bytes, plugin: Plugin | None = None) -> None:
        self._secret = secret
        self._plugin = plugin

    async def verify(self, token: str, now_ms: int) -> Claims:
        """Return what a token says. ``now_ms`` since 1970.

        Raises ``TokenRefused``, or ``Unavailable`` if the plug-in does not judge it in ``JUDGED_S``.
        """
        try:
            return own.verify(self._secret, token, now_ms)
        except TokenRefused as no:
            if self._plugin is None or no.code != "bad_token":
                raise
        try:
            async with asyncio.timeout(JUDGED_S):
                return await self._plugin.verify(token, now_ms)
        except TimeoutError as error:
            raise Unavailable("whoever judges tokens did not answer in time") from error

    async def run(self) -> None:
        """Serve until cancelled."""
        while self._plugin is not None:
            try:
                await self._plugin.run()
                break
            except Exception:  # a stranger's code: tokens may well be judged without it
                log.exception("identity_run_failed", again_in_s=AGAIN_S)
                await asyncio.sleep(AGAIN_S)
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Let the plug-in go; what it raises is logged, for the process ends anyway."""
        if self._plugin is not None:
            try:
                await self._plugin.close()
            except Exception:
                log.exception("identity_close_failed")


async def open_identity(config: Config, secret: bytes) -> Identity:
    """Return what the setting ``identity`` names; raises ``CannotRun`` if that can't be had."""
    name = config.identity
    if name == OWN:
        return Identity(secret)
    if name == "jwt":
        return Identity(secret, await JwtIdentity.opened(config))
    found = entry_points(group=GROUP, name=name)
    if not found:
        others = sorted(entry_points(group=GROUP).names)
        raise CannotRun(f"identity is {name!r}; there are {', '.join([OWN, 'jwt', *others])}.")
    try:
        plugin: Plugin = await next(iter(found)).load().opened(config)
    except Exception as error:  # a stranger's code, at the start: what it says is for the operator
        raise CannotRun(f"identity {name!r} can't be used: {type(error).__name__}: {error}") from error
    return Identity(secret, plugin)
