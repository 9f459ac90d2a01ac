"""Putting an edge process together from a config and a listening socket, and running it until told to stop."""

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import structlog
import uvicorn
from secure import (
    ContentSecurityPolicy,
    CrossOriginOpenerPolicy,
    PermissionsPolicy,
    ReferrerPolicy,
    Secure,
    XContentTypeOptions,
)
from secure.middleware import SecureASGIMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette_compress import CompressMiddleware

from livegift.clock import monotonic_ms
from livegift.config import Config
from livegift.domain.cursor import Cursors
from livegift.edge import api, garbage, login, pages
from livegift.edge.admission import Admission
from livegift.edge.based import Based
from livegift.edge.connection import Connection, bind
from livegift.edge.context import EdgeContext
from livegift.edge.drain import drain
from livegift.edge.gate import Gate
from livegift.edge.http_protocol import HttpProtocol
from livegift.edge.keyring import Keyring
from livegift.edge.limits import Limits
from livegift.edge.outlet import write_to_all
from livegift.edge.problems import HANDLERS
from livegift.edge.request_ids import RequestIds
from livegift.edge.revocations import Revocations
from livegift.edge.sanctions import Sanctions
from livegift.edge.turnout import Turnout
from livegift.edge.wheel import Wheel
from livegift.edge.writes import best
from livegift.engine import connect
from livegift.filters import open_filter
from livegift.gifting import Gifting
from livegift.hooks.settings import open_hooks
from livegift.hub.hub import Hub
from livegift.hub.stored import Rooms
from livegift.hub.viewer import Viewer, offer_each
from livegift.identity.identity import open_identity
from livegift.identity.oidc import Oidc
from livegift.ledger.keys import LedgerKeys
from livegift.ledger.ledger import Ledger
from livegift.ledger.news import News
from livegift.rooms.keys import RoomKeys
from livegift.rooms.missed import MissedGifts
from livegift.rooms.reader import RoomReader
from livegift.store.directory import Directory
from livegift.store.moderation import Moderation
from livegift.store.open import open_book, prepare
from livegift.store.platform import Platform
from livegift.store.stream_rooms import StreamRooms
from livegift.telemetry import Counters
from livegift.wire.codec import EVENT_STREAM
from livegift.wire.messages import WalletPush

REPORT_S = 1.0
WRITE_TO_EACH = best()

Report = Callable[[bool, dict[str, float]], None]

log = structlog.get_logger(__name__)
logging.getLogger("websockets").setLevel(logging.WARNING)  # it tells of every viewer at INFO
# Whoever talks garbage would fill the log: a line for each connection, and no address in it.
logging.getLogger("uvicorn.error").addFilter(lambda record: record.msg != "Invalid HTTP request received.")


async def serve_until(
    config: Config,
    secret: bytes,
    listener: socket.socket,
    *,
    stopping: asyncio.Event,
    hurrying: asyncio.Event,
    is_alone: bool,
    report: Report,
) -> None:
    """Serve on ``listener`` until told to stop, then ``drain``. Raises ``CannotRun``.

    Alone on its listener it goes on to answer there that it is not ready while it drains, for load balancers to see;
    otherwise it leaves new connections to the others at once.
    """
    assert config.redis_url is not None
    identity, clean, hooks = await open_identity(config, secret), open_filter(config), open_hooks(config.hooks)
    limits, oidc = Limits(config), Oidc.opened(config, secret)
    await prepare(config)
    client = connect(config.redis_url, timeout_ms=config.redis_timeout_ms)
    book = open_book(config)
    platform, moderation = Platform(*book.databases), Moderation(*book.databases)
    try:
        facts = await book.facts()
        revocations = Revocations(platform)
        await revocations.look()
        sanctions = Sanctions(moderation)
        await sanctions.look()

        def people_have_news() -> None:
            revocations.look_now()
            sanctions.look_now()

        keys = LedgerKeys(config.redis_prefix, facts.incarnation)
        reader = RoomReader(client, RoomKeys(config.redis_prefix, facts.incarnation), top_max=config.top_max)
        ledger = Ledger(
            client,
            keys,
            facts.layout,
            book.read_cold,
            read_layout=book.layout,
            batch_max=config.batch_gifts_max,
            queue_max=config.send_queue_max,
            interval_ms=config.batch_interval_ms,
            hot_wallets_max=config.hot_wallets_max,
        )
        directory = Directory(book, moderation)
        gifting = Gifting(config, ledger, book, directory, secret=secret, facts=facts, clean=clean)
        news = News(
            client,
            keys,
            facts.partitions,
            on_mark=gifting.on_mark,
            on_wallet=gifting.wallet_moved,
            on_rooms=directory.forget_rooms,
            on_people=people_have_news,
        )
        missed = MissedGifts(book, secret=secret, incarnation=facts.incarnation)
        cursors = Cursors(secret, facts.incarnation)
        rooms = Rooms(
            channel=reader.channel,
            view=reader.view,
            since=reader.since,
            missed=missed.between,
            positions=reader.positions,
            count_viewers=reader.count_viewers,
            viewers=reader.viewers,
            seal=cursors.seal,
        )
        hub = Hub(
            client,
            rooms,
            worker=secrets.token_hex(8),  # a process id is 1 in every container
            tick_ms=config.tick_ms,
            buffer_bytes_max=config.viewer_buffer_bytes_max,
            events_per_s=config.room_events_per_s,
            write_to_all=_write_to_all,
        )
        async with asyncio.TaskGroup() as tasks:
            context = EdgeContext(
                config=config,
                secret=secret,
                limits=limits,
                identity=identity,
                oidc=oidc,
                clean=clean,
                platform=platform,
                keyring=Keyring(platform),
                revocations=revocations,
                moderation=moderation,
                sanctions=sanctions,
                stream_rooms=StreamRooms(book.databases[1]),
                hooks=hooks,
                gifting=gifting,
                book=book,
                hub=hub,
                cursors=cursors,
                wheel=Wheel(monotonic_ms()),
                admission=Admission(
                    burst=config.send_burst,
                    rate_per_s=config.send_rate_per_s,
                    room_rate_per_s=config.room_sends_per_s,
                ),
                tasks=tasks,
                counters=make_counters(),
            )
            gifting.on_wallet(lambda user, balance, reason: _push_wallet(context, user, balance, reason))
            beside = [
                tasks.create_task(part.run())
                for part in (ledger, gifting, news, hub, context.wheel, identity, revocations, sanctions)
            ]
            beside.append(tasks.create_task(_report_on(context, report)))
            beside.append(tasks.create_task(garbage.collect()))
            server = _Server(_uvicorn_config(context), context)
            serving = tasks.create_task(server.serve(sockets=[listener]))
            await stopping.wait()
            if not is_alone and server.gate is not None:
                server.gate.close()
            await drain(context, hurrying)
            server.should_exit = True
            await serving
            for task in beside:
                task.cancel()
    finally:
        await client.aclose()
        await book.close()
        await identity.close()


def _write_to_all(viewers: Sequence[Viewer], frames: bytes, unsent_bytes_max: int) -> list[Viewer]:
    """Write to viewers of one codec, quicker where they are connections."""
    if viewers and viewers[0].codec is EVENT_STREAM:
        return offer_each(viewers, frames, unsent_bytes_max)
    connections = cast(Sequence[Connection], viewers)
    return cast(list[Viewer], write_to_all(connections, frames, unsent_bytes_max, WRITE_TO_EACH))


class _Server(uvicorn.Server):
    """uvicorn behind our gate, and without its signal handlers: the life line hears signals."""

    def __init__(self, config: uvicorn.Config, context: EdgeContext) -> None:
        super().__init__(config)
        self._context = context
        self.gate: Gate | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections on that socket."""
        assert sockets is not None
        await self.lifespan.startup()
        self.servers = []
        self._own = sockets[0].getsockname()[:2]
        self.gate = Gate(
            sockets[0],
            self._protocol,
            spawn=self._context.spawn,
            is_crowded=lambda: self._context.turnstile.is_long,
            is_full=self._is_full,
        )
        self.gate.open()
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nobody any more and end the requests under way."""
        if self.gate is not None:
            self.gate.close()
        await super().shutdown(sockets)

    def _is_full(self) -> bool:
        """Whether this process has as many connections as it may, those that have not spoken yet among them."""
        open_ones = len(self._context.connections) + len(self.server_state.connections)
        return open_ones >= self._context.config.connections_max

    def _protocol(self, peer: tuple[str, int]) -> asyncio.Protocol:
        return HttpProtocol(
            own=self._own,
            peer=peer[:2],
            wheel=self._context.wheel,
            request_ms=self._context.config.request_ms,
            config=self.config,
            server_state=self.server_state,
            app_state={"peer": peer[0]},
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _uvicorn_config(context: EdgeContext) -> uvicorn.Config:
    return uvicorn.Config(
        make_app(context),
        ws=bind(context),
        http=HttpProtocol,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=1,
    )


def make_app(context: EdgeContext) -> Starlette:
    """Return the HTTP application of this process."""
    app = Starlette(
        routes=[*api.routes(), *login.routes(), *pages.routes()],
        exception_handlers=HANDLERS,
        middleware=[
            Middleware(RequestIds),
            Middleware(SecureASGIMiddleware, secure=security_headers()),
            *_cross_origin(context),
            Middleware(Based, base=context.config.base_path),
            Middleware(Turnout, limits=context.limits),
            Middleware(CompressMiddleware, minimum_size=512),
        ],
    )
    app.state.context = context
    app.router.redirect_slashes = not context.config.base_path  # it would send people to outside of it
    return app


def _cross_origin(context: EdgeContext) -> list[Middleware]:
    """Return what lets the named origins' pages call the API; tokens travel in a header, so no cookie is shared."""
    if not context.limits.origins:
        return []
    headers = ["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"]
    methods = ["GET", "POST", "PUT", "DELETE"]
    origins = sorted(context.limits.origins)
    return [Middleware(CORSMiddleware, allow_origins=origins, allow_methods=methods, allow_headers=headers)]


def security_headers() -> Secure:
    """Return the headers that keep pages from being misused; they load nothing from strangers."""
    csp = (
        ContentSecurityPolicy()
        .default_src("'self'")
        .img_src("'self'", "data:")
        .connect_src("'self'", "ws:", "wss:")
        .base_uri("'none'")
        .form_action("'self'")
        .frame_ancestors("'self'")
        .object_src("'none'")
    )
    return Secure(
        csp=csp,
        coop=CrossOriginOpenerPolicy().same_origin(),
        permissions=PermissionsPolicy().camera().microphone().geolocation(),
        referrer=ReferrerPolicy().no_referrer(),
        xcto=XContentTypeOptions().nosniff(),
    )


def _push_wallet(context: EdgeContext, user_id: str, balance: int, reason: str) -> None:
    for connection in context.people.get(user_id, ()):
        connection.send(WalletPush(balance=balance, reason=reason))


def make_counters() -> Counters:
    """Return what an edge process reports, declared with its help text."""
    return Counters(
        commands_total="Commands read from WebSocket clients.",
        accepted_total="Sends answered with accepted.",
        replayed_total="Resends answered with their receipt.",
        refused_total="Sends refused.",
        rate_limited_total="Sends refused for their rate.",
        temporary_errors_total="Commands answered with a temporary error.",
        commands_failed_total="Commands that met a bug of ours.",
        closed_total="Connections closed by this server.",
        connections="WebSocket connections.",
        subscriptions="Room subscriptions.",
        subscriptions_lagging="Subscriptions that have skipped frames and wait for a snapshot.",
        unsettled="Accepted gifts waiting for the book.",
        frames_written_total="Room frames written to viewers.",
        passes_total="Passes over a room's viewers.",
        passes_cpu_ms_total="CPU spent in passes: encoding frames and writing them to viewers.",
        events_total="Room events taken in.",
        gift_calls_total="Calls of gift.lua.",
        gift_call_gifts_total="Gifts in those calls.",
        gift_calls_ms_total="Time that those calls took, there and back.",
    )


async def _report_on(context: EdgeContext, report: Report) -> None:
    while True:
        counters, hub = context.counters, context.hub
        counters.set("connections", len(context.connections))
        counters.set("subscriptions", hub.viewers())
        counters.set("subscriptions_lagging", hub.lagging())
        counters.set("unsettled", context.gifting.unsettled())
        counters.set("frames_written_total", hub.pace.writes)
        counters.set("passes_total", hub.pace.passes)
        counters.set("passes_cpu_ms_total", hub.pace.cpu_ns / 1e6)
        counters.set("events_total", hub.events)
        calls, gifts, call_ns = context.gifting.calls()
        counters.set("gift_calls_ms_total", call_ns / 1e6)
        counters.set("gift_calls_total", calls)
        counters.set("gift_call_gifts_total", gifts)
        report(not context.is_draining, dict(counters.values))
        await asyncio.sleep(REPORT_S)
