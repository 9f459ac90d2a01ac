"""Commands that run: serve, demo, and the two processes that can be run alone."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from cyclopts import Parameter

from livegift.check import insist
from livegift.cli.app import Settings, app
from livegift.config import Config
from livegift.errors import CannotRun
from livegift.supervisor.admin import Addresses
from livegift.supervisor.child import run as run_role
from livegift.supervisor.serve import listen
from livegift.supervisor.serve import serve as run_server


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoConfig(Config):
    """The settings of a demo: its own books, logins without a password, and a quiet terminal."""

    data: Path = Path("livegift-demo")
    """Directory of the demo's books; a second start goes on with them."""
    demo: bool = True
    """POST /v1/demo/login and the name picker; never for production."""
    log_level: str = "warning"
    """debug, info, warning or error; logs are JSON lines on stderr."""


@app.command
def serve(config: Settings = Config()) -> int:  # noqa: B008 - frozen
    """Serve: starts an embedded Valkey (unless `--redis-url`), the flusher and the edges, until Ctrl-C or SIGTERM.

    Everything is kept in `--data`; one server a directory. Put a proxy with TLS in front of the public port and keep
    the admin port to yourself.

    Examples: `livegift serve` · `livegift serve --data /var/lib/livegift --workers 2` ·
    `LIVEGIFT_REDIS_URL=rediss://… livegift serve`
    """
    insist(config)

    def ready(at: Addresses) -> None:
        print(f"livegift is ready at {at.url} (admin: {at.admin_url})", flush=True)

    return asyncio.run(run_server(config, on_ready=ready))


@app.command
def demo(config: Annotated[DemoConfig, Parameter(name="*", group="Settings")] = DemoConfig()) -> int:
    """Serve with two live rooms, a catalogue, and bots that gift; prints the links. Never for production.

    The plug's link is a page that kills processes under 200 gifts a second and counts what was lost.
    The books are kept in `./livegift-demo`; delete the directory to begin anew.

    Examples: `livegift demo` · `livegift demo --port 9000 --admin-port 0`
    """
    insist(config)
    return asyncio.run(run_server(config, bots=True, on_ready=lambda at: print_links(config, at)))


@app.command
def flusher(config: Settings = Config()) -> int:  # noqa: B008
    """Run one flusher alone, for systemd or Kubernetes: journal → book → rooms, and the inbox.

    Needs `--redis-url`; `livegift serve` does all this by itself on one machine.

    Example: `livegift flusher --redis-url redis://redis:6379 --data /var/lib/livegift`
    """
    insist(config)
    need_engine(config)
    return run_role("flusher", config)


@app.command
def edge(config: Settings = Config()) -> int:  # noqa: B008
    """Run one edge alone, for systemd or Kubernetes: WebSockets, HTTP API and pages on `--port`.

    Needs `--redis-url`; `livegift serve` does all this by itself on one machine.

    Example: `livegift edge --redis-url redis://redis:6379 --data /var/lib/livegift --host 0.0.0.0`
    """
    insist(config)
    need_engine(config)
    with listen(config.host, config.port, setting="port") as listener:
        return run_role("edge", config, listener=listener)


def print_links(config: Config, at: Addresses) -> None:
    """Print the demo's links, one a line, and open nothing."""
    from livegift.domain.demo import DEMO_ROOMS
    from livegift.identity.own import mint
    from livegift.identity.secret import load_secret

    creator = DEMO_ROOMS[0]
    jwt = mint(
        load_secret(config.secret_path), creator.creator_id, creator.creator_name, "creator", config.demo_token_ttl_s
    )
    links = [("viewer", f"{at.url}/r/{room.room_id}") for room in DEMO_ROOMS]
    links += [
        ("studio", f"{at.url}/studio#token={quote(jwt)}&room={creator.room_id}"),
        ("plug", f"{at.admin_url}/plug"),
        ("admin", f"{at.admin_url}/status"),
    ]
    for what, link in links:
        print(f"{what:<8}{link}")
    print("Ctrl-C ends it.", flush=True)


def need_engine(config: Config) -> None:
    """Raise ``CannotRun`` where a process that runs alone was not told its Redis."""
    if config.redis_url is None:
        raise CannotRun("A process that runs alone needs --redis-url; `livegift serve` brings its own Valkey.")
