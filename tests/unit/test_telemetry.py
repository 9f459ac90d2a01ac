"""Counters, their rendering, and logs as JSON lines."""

import json
import logging
import socket
import subprocess
import sys

import pytest
import structlog
from prometheus_client import CollectorRegistry, generate_latest

from livegift.telemetry import Counters, ProcessCollector, ProcessReport, configure_logs


def test_counters_count_and_refuse_what_was_not_declared() -> None:
    counters = Counters(test_gifts_total="Gifts", test_queue="Gifts that wait")
    counters.add("test_gifts_total")
    counters.add("test_gifts_total", 4)
    counters.set("test_queue", 7)
    assert counters.values == {"test_gifts_total": 5, "test_queue": 7}
    with pytest.raises(KeyError):
        counters.add("test_gift_total")
    with pytest.raises(KeyError):
        counters.set("test_queues", 1)


def test_all_processes_are_rendered_with_role_and_index() -> None:
    reports = [
        ProcessReport("edge", 0, {"gifts_total": 3, "queue": 1.5}, {"gifts_total": "Gifts"}),
        ProcessReport("edge", 1, {"gifts_total": 4}),
    ]
    registry = CollectorRegistry()
    registry.register(ProcessCollector(lambda: reports))
    text = generate_latest(registry).decode()
    assert "# HELP livegift_gifts_total Gifts\n# TYPE livegift_gifts_total counter" in text
    assert 'livegift_gifts_total{index="0",role="edge"} 3.0' in text
    assert 'livegift_gifts_total{index="1",role="edge"} 4.0' in text
    assert "# TYPE livegift_queue gauge" in text


def test_logs_are_json_lines_with_role_and_exceptions(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "edge")
    try:
        structlog.get_logger().debug("unseen")
        structlog.get_logger().info("seen", room="r1", n=2**60)
        logging.getLogger("uvicorn.error").warning("careful %d", 3)
        try:
            raise ValueError("bad")
        except ValueError:
            structlog.get_logger().exception("failed")
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    finally:
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
        logging.basicConfig(handlers=[], force=True)
    assert [line["event"] for line in lines] == ["seen", "careful 3", "failed"]
    assert all(line["role"] == "edge" and line["at"].endswith("Z") for line in lines)
    assert lines[0]["room"] == "r1"
    assert lines[1]["logger"] == "uvicorn.error"
    assert "ValueError: bad" in lines[2]["exception"]


def test_a_line_leaves_in_one_write_so_that_those_of_several_processes_never_mix() -> None:
    code = (
        "import structlog\nfrom livegift.telemetry import configure_logs\n"
        "configure_logs('info', 'edge')\nstructlog.get_logger().info('hello')"
    )
    # A sequenced-packet socket keeps each write apart.
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        subprocess.run([sys.executable, "-c", code], stderr=theirs, check=True)
        assert json.loads(ours.recv(65_536))["event"] == "hello"
        ours.setblocking(False)
        with pytest.raises(BlockingIOError):
            ours.recv(65_536)
