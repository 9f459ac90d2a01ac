"""Checkpoints and proofs for the command line, beside a server that runs or without one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from livegift.config import Config
from livegift.flusher.notary import READ_MS, Notary
from livegift.identity.secret import load_secret
from livegift.signing import Signer
from livegift.store import checkpoints
from livegift.store.checkpoints import Checkpoint
from livegift.store.open import open_database
from livegift.supervisor.care import insist_on_book, insist_on_schema


@asynccontextmanager
async def _notary(config: Config) -> AsyncIterator[Notary]:
    await insist_on_book(config)
    await insist_on_schema(config)
    notary = Notary(config, load_secret(config.secret_path))
    try:
        yield notary
    finally:
        await notary.close()


async def checkpoint(config: Config) -> Checkpoint | None:
    """Sign what has been settled since the last checkpoint; None if nothing has."""
    async with _notary(config) as notary:
        return await notary.make()


async def proofs(config: Config, creator_id: str, *, since_ms: int, until_ms: int) -> dict[str, Any]:
    """Sign what has been settled, and return a creator's gifts of a period with their proofs."""
    async with _notary(config) as notary:
        await notary.make()
    database = open_database(config, timeout_ms=READ_MS)
    try:
        return await checkpoints.proofs_of(
            database,
            load_secret(config.secret_path),
            creator_id,
            since_ms=since_ms,
            until_ms=until_ms,
            key=Signer(config.signing_path).public,
        )
    finally:
        await database.close()
