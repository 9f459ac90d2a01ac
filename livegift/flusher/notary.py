"""The notary: signs a checkpoint over what has been settled, now and then. See domain/proof.py."""

import asyncio

import structlog

from livegift.clock import now_ms
from livegift.config import Config
from livegift.errors import Fault
from livegift.signing import Signer
from livegift.store import checkpoints
from livegift.store.checkpoints import Checkpoint, Leaves
from livegift.store.open import open_database

READ_MS = 3_600_000
"""Time limit of reading what has been settled since the last one."""
RETRY_S = 10.0

log = structlog.get_logger(__name__)


class Notary:
    """Signs for one deployment; ``close`` lets go of the book."""

    def __init__(self, config: Config, secret: bytes) -> None:
        """Load the signing key, making it at the first use; raises ``CannotRun`` for one that others may read."""
        self.signer = Signer(config.signing_path)
        self._secret = secret
        self._interval_s = config.checkpoint_interval_s
        self._database = open_database(config, timeout_ms=max(config.sql_timeout_ms, READ_MS))
        self.made = 0

    async def close(self) -> None:
        """Close the connection."""
        await self._database.close()

    async def make(self) -> Checkpoint | None:
        """Sign what has been settled since the last one; None if nothing has. Raises ``Unavailable``."""
        incarnation = await checkpoints.incarnation_of(self._database)
        leaves = Leaves(self._secret, incarnation)
        return await checkpoints.make(
            *(self._database, leaves, self.signer.sign),
            key=self.signer.public,
            incarnation=incarnation,
            now_ms=now_ms(),
        )

    async def run(self) -> None:
        """Sign at each interval until cancelled; an interval of 0 never does."""
        while self._interval_s:
            await asyncio.sleep(self._interval_s)
            try:
                made = await self.make()
            except Fault as fault:
                log.info("checkpoint_waits", why=str(fault))
                await asyncio.sleep(RETRY_S)
                continue
            if made is not None:
                self.made += 1
                log.info("checkpoint", number=made.number)
