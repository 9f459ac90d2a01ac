"""``serve``: the order in which everything starts and ends.

Start: lock, sockets, Valkey, flusher (it migrates the book), edges, then in the demo its bots. End, within 5 s: bots
and edges (they drain in a hurry), flusher (it flushes what they accepted), Valkey. Whoever is late gets SIGKILL, by
process id. If this process itself is killed, the pipes that all children hold end them.
"""

import asyncio
import contextlib
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import structlog
from starlette.routing import BaseRoute

from livegift.config import Config
from livegift.errors import CannotRun
from livegift.ledger.data_lock import DataLock
from livegift.ledger.embedded import DamagedAof, EmbeddedServer
from livegift.ledger.engine_check import check_engine
from livegift.supervisor.admin import Addresses, AdminServer, ProcessState, make_app
from livegift.supervisor.children import BackOff, Child, ChildRefused, demo_bots, worker
from livegift.supervisor.edges import RESTART_EDGES, Edges
from livegift.supervisor.plug import Plug
from livegift.supervisor.plug_lines import judging_bots
from livegift.supervisor.record import Record, remove_record, write_record
from livegift.telemetry import ProcessReport, configure_logs

DRAIN_S = 3.0
"""How long edges may take to say goodbye to their viewers."""
FLUSH_S = 1.0
VALKEY_S = 0.5
DEMO_ROOMS = "r1,r2"
BACKLOG = 4_096
"""Connections that wait while edges are busy or being started again."""
KERNEL_UNSENT_BYTES_MAX = 16_384
"""Bytes of a connection that wait in the kernel to be sent; what is on its way, or acknowledged, does not count."""

log = structlog.get_logger()

OnReady = Callable[[Addresses], None]


async def serve(config: Config, *, bots: bool = False, on_ready: OnReady | None = None) -> int:
    """Serve until SIGTERM, SIGINT or SIGHUP and return the exit code; 2 if a child can't run (it has said why).

    ``on_ready`` is called once, when everything first answers. Raises ``CannotRun``.
    """
    configure_logs(config.log_level, "supervisor")
    raise_open_files()
    async with AsyncExitStack() as stack:
        lock = stack.enter_context(DataLock(config.data))
        public = stack.enter_context(listen(config.host, config.port, setting="port"))
        admin = stack.enter_context(listen(config.host, config.admin_port, setting="admin_port"))
        valkey: EmbeddedServer | None = None
        if config.redis_url is None:
            valkey = EmbeddedServer(config.data, appendfsync=config.appendfsync, lock=lock)
            stack.push_async_callback(valkey.stop)
            await valkey.start()
            config = replace(config, redis_url=valkey.url)
        assert config.redis_url is not None
        await check_engine(config.redis_url, timeout_ms=config.redis_timeout_ms)
        supervisor = Supervisor(config, public, admin, valkey, bots=bots)
        addresses = supervisor.addresses
        write_record(
            config.data,
            Record(pid=os.getpid(), url=addresses.url, admin_url=addresses.admin_url, redis_url=config.redis_url),
        )
        stack.callback(remove_record, config.data)
        return await supervisor.run(on_ready)


def listen(host: str, port: int, *, setting: str) -> socket.socket:
    """Return a listening socket; ``CannotRun`` names the setting that would help.

    Its connections inherit that the kernel takes no more for a peer that does not read. Else it would take up to 4 MB
    a viewer: frames that are minutes old when they are seen, while we, who could skip them, take them for sent.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, KERNEL_UNSENT_BYTES_MAX)
        return listener
    except OverflowError as error:
        raise CannotRun(f"{setting} is {port}; it must be 0 to 65535.") from error
    except OSError as error:
        flag = setting.replace("_", "-")
        raise CannotRun(
            f"{host}:{port} can't be listened on ({error.strerror}): choose another with --{flag}, 0 takes a free one."
        ) from error


def address(sock: socket.socket) -> str:
    """Return the URL at which a listening socket is reached from this machine."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def raise_open_files() -> None:
    """Allow as many open files, that is viewers, as the system lets us; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS names no honest limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _audit_env(config: Config, valkey: EmbeddedServer | None) -> dict[str, str]:
    """Return the settings that an audit by data directory alone would not know."""
    env = {"LIVEGIFT_REDIS_PREFIX": config.redis_prefix}
    if valkey is None:
        assert config.redis_url is not None
        env["LIVEGIFT_REDIS_URL"] = config.redis_url
    return env


class Supervisor:
    """The processes of one server, between two bound sockets and an engine that answers."""

    def __init__(
        self,
        config: Config,
        public: socket.socket,
        admin: socket.socket,
        valkey: EmbeddedServer | None,
        *,
        bots: bool,
    ) -> None:
        self.addresses = Addresses(address(public) + config.base_path, address(admin))
        self._admin_socket = admin
        self._valkey = valkey
        self._valkey_starts = 1
        self._flusher = Child("flusher", 0, worker(config, role="flusher", index=0))
        self._edges = Edges(config, public.fileno(), keep=self._keep)
        self._bots = [Child("bots", 0, demo_bots(self.addresses.url, rooms=DEMO_ROOMS))] if bots else []
        self._host = config.host
        self._judges = judging_bots(self.addresses.url, data=str(config.data), env=_audit_env(config, valkey))
        self._keepers: dict[Child, asyncio.Task[None]] = {}
        self._ending = asyncio.Event()
        self._code = 0
        self._fault: CannotRun | None = None

    async def run(self, on_ready: OnReady | None) -> int:
        """Run until a signal, or until something says that it can't run at all."""
        async with self._signals(), asyncio.TaskGroup() as group:
            plug, routes = self._plug(group) if self._bots else (None, ())
            admin = AdminServer(make_app(self.addresses, self._states, self._is_ready, routes))
            group.create_task(admin.serve(sockets=[self._admin_socket]))
            valkey = group.create_task(self._keep_valkey())
            start = group.create_task(self._start(group, on_ready))
            restarts = group.create_task(self._edges.serve_restarts(group))
            await self._ending.wait()
            start.cancel()
            restarts.cancel()
            if plug is not None:
                await plug.stop()
            await self._end([*self._bots, *self._edges.all()], DRAIN_S)
            await self._end([self._flusher], FLUSH_S)
            admin.should_exit = True
            valkey.cancel()
            if self._valkey is not None:
                await self._valkey.stop(timeout_s=VALKEY_S)
        if self._fault is not None:
            raise self._fault
        return self._code

    def stop(self, code: int = 0) -> None:
        """Begin to end; the first code counts."""
        if not self._ending.is_set():
            log.info("stopping")
            self._code = code
            self._ending.set()

    def _plug(self, group: asyncio.TaskGroup) -> tuple[Plug, Sequence[BaseRoute]]:
        from livegift.supervisor import plug_http  # the pages' whole world, which `serve` does without

        plug = Plug(self.addresses.url, self._judges, states=self._states, strike=self._strike, spawn=group.create_task)
        return plug, plug_http.routes(plug, host=self._host)

    def _strike(self, role: str) -> int | None:
        if role == "valkey":
            return self._valkey.strike() if self._valkey is not None else None
        running = [
            child for child in [self._flusher, *self._edges.serving] if child.role == role and child.pid is not None
        ]
        return min(running, key=lambda child: child.starts).strike() if running else None

    @asynccontextmanager
    async def _signals(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        numbers = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # under nohup a closed terminal means nothing
            numbers.append(signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(RESTART_EDGES, self._edges.ask_restart)
        try:
            yield
        finally:
            for number in (*numbers, RESTART_EDGES):
                loop.remove_signal_handler(number)

    async def _start(self, group: asyncio.TaskGroup, on_ready: OnReady | None) -> None:
        self._keepers[self._flusher] = group.create_task(self._keep(self._flusher))
        await self._flusher.ready_once.wait()
        await self._edges.start(group)
        log.info("ready", url=self.addresses.url, admin_url=self.addresses.admin_url)
        if on_ready is not None:
            with contextlib.suppress(BrokenPipeError):  # nobody reads stdout any more
                on_ready(self.addresses)
        for child in self._bots:
            self._keepers[child] = group.create_task(self._keep(child))

    async def _keep(self, child: Child) -> None:
        try:
            await child.keep()
        except ChildRefused:
            self.stop(2)

    async def _end(self, children: list[Child], timeout_s: float) -> None:
        for child in children:
            child.stop(hurry=True)
        known = self._keepers | self._edges.keepers
        keepers = [known[child] for child in children if child in known]
        if not keepers:
            return
        _, late = await asyncio.wait(keepers, timeout=timeout_s)
        if late:
            for child in children:
                if child.pid is not None:
                    log.warning("child_killed", child=child.role, index=child.index, timeout_s=timeout_s)
                    child.kill()
            await asyncio.wait(late)

    async def _keep_valkey(self) -> None:
        """Start the embedded Valkey again when it dies; edges and flusher notice and recover by themselves."""
        if self._valkey is None:
            return
        loop = asyncio.get_running_loop()
        back_off = BackOff()
        while True:
            started = loop.time()
            status: int | None = await self._valkey.wait() if self._valkey.pid is not None else None
            pause_s = back_off.after(loop.time() - started)
            log.error("valkey_died", status=status, again_in_s=pause_s)
            await asyncio.sleep(pause_s)
            try:
                self._valkey_starts += 1
                await self._valkey.start()
            except DamagedAof as error:  # no further start would help
                self._fault = error
                self.stop(2)
                return
            except CannotRun as error:
                log.error("valkey_not_started", error=str(error))

    def _is_ready(self) -> bool:
        running = [self._flusher, *self._edges.serving]
        valkey_runs = self._valkey is None or self._valkey.pid is not None
        return valkey_runs and not self._ending.is_set() and all(child.is_ready for child in running)

    def _states(self) -> list[ProcessState]:
        states = [ProcessState("supervisor", 0, os.getpid(), True, 1, ProcessReport("supervisor", 0))]
        if self._valkey is not None:
            pid = self._valkey.pid
            report = ProcessReport("valkey", 0)
            states.append(ProcessState("valkey", 0, pid, pid is not None, self._valkey_starts, report))
        for child in [self._flusher, *self._edges.serving, *self._bots]:
            # Bots don't report; they are there or they aren't.
            ready = child.pid is not None if child in self._bots else child.is_ready
            states += [ProcessState(child.role, child.index, child.pid, ready, child.starts, child.report())]
        for child in self._edges.changing():
            report = ProcessReport(child.role, child.index)
            states += [ProcessState(child.role, child.index, child.pid, True, child.starts, report, is_changing=True)]
        return states
