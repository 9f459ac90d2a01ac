"""The three things a livegift process can be, put together from their parts: flusher, edge, audit."""

import socket

from livegift.config import Config
from livegift.edge.process import serve_until
from livegift.flusher.audit import Report, audit
from livegift.flusher.process import flush_until
from livegift.identity.secret import load_secret
from livegift.lifeline import LifeLine


async def run_flusher(config: Config, life: LifeLine) -> None:
    """Run a flusher process until ``life.stopping``; raises ``CannotRun`` where only an operator can help."""
    await flush_until(config, load_secret(config.secret_path), life.stopping, life.report)


async def run_edge(config: Config, listener: socket.socket, life: LifeLine) -> None:
    """Run an edge process on a listening socket until ``life.stopping``; raises ``CannotRun``."""
    await serve_until(
        config,
        load_secret(config.secret_path),
        listener,
        stopping=life.stopping,
        hurrying=life.hurrying,
        is_alone=life.is_alone,
        report=life.report,
    )


async def run_audit(config: Config, *, live: bool) -> Report:
    """Audit book and engine; ``live`` says that a server is running on the data directory."""
    return await audit(config, load_secret(config.secret_path), live=live)
