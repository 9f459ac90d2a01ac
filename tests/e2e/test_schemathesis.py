"""Whatever schemathesis thinks of, the server answers as its OpenAPI document says. ``python -m tests.schemathesis`` is
the long run."""

import asyncio
from pathlib import Path

import pytest

from tests.schemathesis.run import never_accepted, report_of, run
from tests.schemathesis.server import demo_server


async def test_no_request_gets_an_answer_that_the_document_does_not_have(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with demo_server(tmp_path) as server:
        code = await asyncio.to_thread(run, server.url, server.data, examples=12, seed=1, folder=tmp_path)
        assert code == 0, capfd.readouterr().out
        assert server.errors() == 0
    report = report_of(tmp_path)
    assert report["operations"]["tested"] == report["operations"]["total"] >= 33
    assert report["test_cases"]["generated"] > 1_000
    # Refusals alone would prove little: every operation was also carried out.
    assert never_accepted(report) == []
