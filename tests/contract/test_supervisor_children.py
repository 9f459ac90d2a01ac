"""One process kept alive, with small programs in place of the flusher and the edges; real pipes and signals."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from livegift import lifeline
from livegift.config import Config
from livegift.lifeline import LifeLine
from livegift.supervisor import children
from livegift.supervisor.children import Child, ChildRefused, Launch, Launcher, worker
from livegift.telemetry import Counters

PROGRAM = """
import asyncio, sys
from livegift.lifeline import LifeLine
from livegift.telemetry import Counters

async def main(life_fd, report_fd):
    counters = Counters(test_beats_total="Beats of a test")
    with LifeLine(life_fd=life_fd, report_fd=report_fd) as life:
        counters.add("test_beats_total")
        life.report(True, counters.values)
        await life.stopping.wait()

asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
"""


def program(text: str) -> Launcher:
    def launch(life_fd: int, report_fd: int) -> Launch:
        return Launch((sys.executable, "-c", text, str(life_fd), str(report_fd)), fds=(life_fd, report_fd))

    return launch


@asynccontextmanager
async def kept(child: Child) -> AsyncIterator["asyncio.Task[None]"]:
    async with asyncio.timeout(20):
        task = asyncio.create_task(child.keep())
        try:
            yield task
        finally:
            child.stop()
            await asyncio.gather(task, return_exceptions=True)


async def until(is_true: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not is_true():  # noqa: ASYNC110 - another process sets no event of ours
            await asyncio.sleep(0.01)


async def test_a_child_reports_and_ends_when_told() -> None:
    child = Child("edge", 3, program(PROGRAM))
    async with kept(child) as task:
        await child.ready_once.wait()
        assert child.is_ready
        assert child.report().metrics == {"test_beats_total": 1}
        assert child.report().helps["test_beats_total"] == "Beats of a test"
        child.stop()
        await task
        assert child.pid is None
        assert not child.is_ready


async def test_a_killed_child_is_started_again() -> None:
    child = Child("edge", 0, program(PROGRAM))
    async with kept(child):
        await child.ready_once.wait()
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: child.is_ready and child.pid != first)
        assert child.starts == 2


async def test_exit_2_before_it_was_ready_is_a_refusal() -> None:
    child = Child("flusher", 0, program("import sys; sys.exit(2)"))
    async with kept(child) as task:
        with pytest.raises(ChildRefused):
            await task
    assert child.starts == 1


async def test_exit_1_is_tried_again() -> None:
    child = Child("flusher", 0, program("import sys; sys.exit(1)"))
    async with kept(child):
        await until(lambda: child.starts == 3)


async def test_a_program_that_can_not_be_started_is_tried_again() -> None:
    child = Child("bots", 0, lambda _life, _report: Launch(("/no/such/program",)))
    async with kept(child):
        await until(lambda: child.starts == 2)


async def test_a_child_that_ignores_sigterm_is_killed() -> None:
    stubborn = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        'os.write(int(sys.argv[2]), b\'{"ready": true, "metrics": {}}\\n\')\n'
        "while True: signal.pause()\n"
    )
    child = Child("edge", 0, program(stubborn))
    async with kept(child) as task:
        await child.ready_once.wait()
        child.stop()
        child.kill()
        await task
        assert child.pid is None


async def test_a_cancelled_keeper_leaves_no_process() -> None:
    child = Child("edge", 0, program(PROGRAM))
    async with kept(child) as task:
        await child.ready_once.wait()
        pid = child.pid
        task.cancel()
        await asyncio.wait([task])
        assert pid is not None

        def gone() -> bool:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return True
            return False

        await until(gone)


async def test_a_report_that_can_not_be_read_is_no_reason_to_fall() -> None:
    text = (
        "import os, sys, json\n"
        "fd = int(sys.argv[2])\n"
        "os.write(fd, b'no json\\n[1]\\n' + json.dumps({'ready': True, 'metrics': {'x': 1}}).encode() + b'\\n')\n"
        "os.read(int(sys.argv[1]), 1)\n"
    )
    child = Child("edge", 0, program(text))
    async with kept(child):
        await child.ready_once.wait()
        assert child.report().metrics == {"x": 1}


async def test_a_child_that_says_nothing_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    child = Child("edge", 0, program(PROGRAM))
    async with kept(child):
        await child.ready_once.wait()
        monkeypatch.setattr(children, "REPORT_AGE_MAX_S", 0.0)
        assert not child.is_ready


async def test_a_child_that_hangs_is_killed_and_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "LOOK_S", 0.05)
    beating = PROGRAM.replace(
        "        await life.stopping.wait()",
        """        while not life.stopping.is_set():
            counters.add("test_beats_total")
            life.report(True, counters.values)
            await asyncio.sleep(0.01)""",
    )
    child = Child("edge", 0, program(beating))
    async with kept(child):
        await child.ready_once.wait()
        first = child.pid
        assert first is not None
        beats = 3 * children.HANG_LOOKS * children.LOOK_S / 0.01
        await until(lambda: child.report().metrics["test_beats_total"] > beats)
        assert child.pid == first, "it speaks, so it lives"
        os.kill(first, signal.SIGSTOP)
        await until(lambda: child.is_ready and child.pid not in (None, first))
        assert child.starts == 2


def test_settings_travel_in_the_environment_and_not_in_argv() -> None:
    config = Config(redis_url="redis://:secret@host:1")
    launch = worker(config, role="edge", index=1, listener_fd=9)(7, 8)
    assert not [word for word in launch.argv if "secret" in word]
    assert "secret" in launch.env[children.ORDER]
    assert launch.fds == (7, 8, 9)
    assert Config.from_json(config.to_json()) == config


async def test_the_end_of_the_life_pipe_means_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    alarms: list[int] = []
    monkeypatch.setattr(lifeline.signal, "alarm", alarms.append)
    life_fd, write_fd = os.pipe()
    with LifeLine(life_fd=life_fd) as life:
        assert not life.stopping.is_set()
        os.close(write_fd)
        async with asyncio.timeout(5):
            await life.stopping.wait()
    assert alarms == [lifeline.ORPHAN_EXIT_S]
    os.close(life_fd)


async def test_a_signal_means_stop() -> None:
    with LifeLine() as life:
        life.report(True, {})  # alone there is nobody to tell
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(5):
            await life.stopping.wait()


async def test_a_supervisor_that_does_not_read_gets_whole_lines_later() -> None:
    Counters(test_reports_total="x" * 1_000)
    read_fd, report_fd = os.pipe()
    os.set_blocking(read_fd, False)
    with LifeLine(report_fd=report_fd) as life:
        for n in range(2_000):
            life.report(True, {f"test_gauge_{n % 7}_{'y' * 100}": n})
        text = b""
        for _ in range(3):
            while True:
                try:
                    text += os.read(read_fd, 65_536)
                except BlockingIOError:
                    break
            life.report(False, {"last": 1})
    *lines, rest = text.split(b"\n")
    assert rest == b""
    assert len(lines) > 100
    assert all(line.startswith(b'{"ready":') and line.endswith(b"}") for line in lines)
    assert lines[-1] == b'{"ready":false,"metrics":{"last":1}}'
    os.close(read_fd)
    life.report(True, {})  # the reader is gone: no exception
    os.close(report_fd)
