"""A Redis as managed ones are: over TLS, by a user of an ACL who may touch our keys alone, and neither CONFIG nor more.

Everything that livegift asks of an engine must be among what docs/deploying.md names.
"""

import asyncio
import datetime
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from redis import Redis
from redis.exceptions import NoPermissionError

from livegift.ledger.embedded import find_binary
from tests.e2e.conftest import open_room
from tests.processes import run_cli, wait_until
from tests.wire import login, wire

DEPLOYING = (Path(__file__).parents[2] / "docs/deploying.md").read_text()
RULES = re.search(r"^ACL SETUSER livegift on >password (.*)$", DEPLOYING, re.MULTILINE)


def certificate(folder: Path) -> None:
    """Write a certificate of this machine's own, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


class Terminator:
    """TLS before a port that has none, in a thread of its own: the bundled Valkey is built without it."""

    def __init__(self, folder: Path, behind: int) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self._behind = behind
        self._loop = asyncio.new_event_loop()
        self._ends = asyncio.Event()
        self.port = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ends.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ends.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside, outside = await asyncio.open_connection("127.0.0.1", self._behind)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, outside))
                both.create_task(_pump(inside, writer))
        except* OSError:
            pass  # one end has gone, and so has the other
        finally:
            writer.close()
            outside.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        sink.write(data)
        await sink.drain()
    raise ConnectionResetError


@pytest.fixture
def managed(tmp_path: Path) -> Iterator[tuple[str, Redis]]:
    """The URL that a platform is given, and the provider's own client."""
    assert RULES is not None, "docs/deploying.md names the rules"
    certificate(tmp_path)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--dir", str(tmp_path)]
    words += ["--maxmemory-policy", "noeviction", "--logfile", str(tmp_path / "engine.log")]
    process = subprocess.Popen([str(find_binary()), *words])
    owner = Redis.from_url(f"redis://127.0.0.1:{port}/0")
    try:
        wait_until(lambda: (tmp_path / "engine.log").exists() and "Ready" in (tmp_path / "engine.log").read_text())
        owner.execute_command("ACL", "SETUSER", "livegift", "on", ">password", *RULES[1].split())
        with Terminator(tmp_path, port) as tls:
            yield f"rediss://livegift:password@localhost:{tls.port}/0?ssl_ca_certs={tmp_path}/cert.pem", owner
    finally:
        owner.close()
        process.terminate()
        process.wait(timeout=10)


async def test_a_gift_an_audit_and_an_erasure_need_no_more_than_the_rules_allow(
    managed: tuple[str, Redis], serving: Any, tmp_path: Path
) -> None:
    url, owner = managed
    with Redis.from_url(url) as as_livegift, pytest.raises(NoPermissionError):
        as_livegift.config_get("maxmemory")
    owner.execute_command("ACL", "LOG", "RESET")
    engine = ("--redis-url", url)
    server = serving(tmp_path / "data", "--demo", *engine)
    at = (await asyncio.to_thread(server.wait_ready))["url"]
    creator, _ = await login(at, "Luna", "creator")
    token, ann = await login(at, "Ann")
    room = await open_room(at, creator)
    async with wire(at, token) as client:
        assert (await client.ask("subscribe", room=room))["type"] == "subscribed"
        assert (await client.gift(room, message="hello"))["type"] == "accepted"
        await client.push("settled")
        await client.push("room", among="gift")
    audited = await asyncio.to_thread(run_cli, "audit", "--json", "--data", str(server.data), *engine)
    assert audited.returncode == 0, audited.stdout + audited.stderr
    erased = await asyncio.to_thread(
        run_cli, "users", "erase", ann, "--reason", "r", "--data", str(server.data), *engine
    )
    assert erased.returncode == 1  # the append-only file is the provider's: this is told
    assert "append-only file" in erased.stdout
    assert server.stop() == 0
    denied = [entry[b"object"] for entry in _log(owner)]
    assert set(denied) <= {b"bgrewriteaof"}, denied


def _log(owner: Redis) -> list[dict[bytes, bytes]]:
    rows: Any = owner.execute_command("ACL", "LOG")
    return [row if isinstance(row, dict) else dict(zip(row[::2], row[1::2], strict=True)) for row in rows]
