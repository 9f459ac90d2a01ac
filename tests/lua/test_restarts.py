"""The ledger machine again, with a Valkey of its own that is really killed and started anew between steps."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from livegift.ledger.embedded import find_binary
from tests.lua.engine_side import script_texts
from tests.lua.ledger_machine import LedgerMachine
from tests.lua.ledger_model import Gift
from tests.lua.test_ledger_machine import PHASES

START_S = 10.0


class Valkey:
    """A server with an AOF that is on disk before it answers; ``kill`` is kill -9 and a new start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.socket = str(folder / "s")
        self._start()

    def _start(self) -> None:
        words = [str(find_binary()), "--port", "0", "--unixsocket", self.socket, "--dir", str(self._folder)]
        words += ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--logfile", "log"]
        self.process = subprocess.Popen(words)
        deadline = time.monotonic() + START_S
        with redis.Redis(unix_socket_path=self.socket) as client:
            while True:
                try:
                    if client.ping():
                        return
                except redis.RedisError:
                    assert self.process.poll() is None, (self._folder / "log").read_text()
                    assert time.monotonic() < deadline, "the server did not start"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._start()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


class RestartingMachine(LedgerMachine):
    """Steps of the ledger machine, and real restarts among them."""

    valkey: ClassVar[Valkey]

    @rule(number=st.integers(0, 3))
    def kill(self, number: int) -> None:
        """kill -9: everything acknowledged is there, every partition is fenced until it is recovered."""
        owner, before = self.engine.owner(), self.engine.dump()
        self.client.close()
        self.valkey.kill()
        assert self.engine.owner() != owner
        assert self.engine.dump() == before
        for p, part in enumerate(self.parts):
            gift = Gift("ann", "luna", self.gift_id(self.engine.now(), "new", None), "d" * 32, 1)
            assert self.engine.gift(p, part, [gift]) == ["fenced", "owner"]
            self.recover(p, part)


@pytest.fixture
def valkey_of_ours(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path)
    yield server
    server.stop()


@pytest.mark.parametrize("partitions", [1, 4])
def test_the_scripts_do_what_the_model_does_across_real_restarts(valkey_of_ours: Valkey, partitions: int) -> None:
    machine = type(
        "Machine",
        (RestartingMachine,),
        {
            "url": f"unix://{valkey_of_ours.socket}",
            "partitions": partitions,
            "texts": script_texts(),
            "valkey": valkey_of_ours,
        },
    )
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=30,
            deadline=None,
            print_blob=True,
            # Shrinking takes minutes here; the blob replays the steps, and LIVEGIFT_SHRINK=1 looks for fewer.
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
        ),
    )
