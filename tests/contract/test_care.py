"""The commands of an operator, as they are typed: backup, restore, recover."""

import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from livegift.store.dump import SINCE_SCHEMA
from tests.postgres import PostgresServer
from tests.processes import Serving, run_cli


@pytest.mark.parametrize("command", [["backup", "file"], ["recover"], ["recover", "--accept-older-book"]])
def test_a_typo_begins_no_new_book(command: list[str], data: Path, tmp_path: Path, postgres: PostgresServer) -> None:
    nowhere = run_cli(*command, "--data", str(data), cwd=tmp_path)
    assert (nowhere.returncode, "There is no book in" in nowhere.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []
    empty = ["--store", postgres.create(), "--data", str(data)]
    secretless = run_cli(*command, *empty, cwd=tmp_path)
    assert (secretless.returncode, "secret.key" in secretless.stderr) == (2, True)
    data.mkdir()
    (data / "secret.key").write_text("0" * 64)
    bookless = run_cli(*command, *empty, cwd=tmp_path)
    assert (bookless.returncode, "holds no livegift book" in bookless.stderr) == (2, True)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["data", "secret.key"]


def test_a_book_is_backed_up_beside_its_server_and_restored_where_there_is_none(
    serving: Callable[..., Serving], data: Path, tmp_path: Path
) -> None:
    server = serving(data)
    server.wait_ready()
    done = run_cli("backup", str(tmp_path / "book.livegift"), "--data", str(data), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["partitions"] == 4
    assert (tmp_path / "book.livegift").stat().st_mode & 0o777 == 0o600
    running = run_cli("recover", "--data", str(data))
    assert (running.returncode, "is running on" in running.stderr) == (2, True)
    server.stop()

    refused = run_cli("restore", str(tmp_path / "book.livegift"), "--data", str(data))
    assert (refused.returncode, "move" in refused.stderr) == (2, True)
    other = tmp_path / "other"
    refused = run_cli("restore", str(tmp_path / "book.livegift"), "--data", str(other))
    assert (refused.returncode, "secret.key" in refused.stderr) == (2, True)
    shutil.copy(data / "secret.key", other / "secret.key")
    done = run_cli("restore", str(tmp_path / "book.livegift"), "--data", str(other))
    assert done.returncode == 0, done.stderr
    looked = run_cli("recover", "--data", str(other), "--json")
    assert (looked.returncode, json.loads(looked.stdout)["older"]) == (0, False)
    audited = run_cli("audit", "--data", str(data), "--json")
    assert json.loads(audited.stdout)["drift"] == 0
    # The backup was taken before its own line was written.
    assert acts(data) == [("cli", "book.backup", "book:1")]
    assert acts(other) == [("cli", "book.restore", "book:1")]


def test_a_demo_goes_on_with_other_partitions(serving: Callable[..., Serving], data: Path) -> None:
    server = serving(data, command="demo")
    server.wait_ready()
    running = run_cli("repartition", "7", "--data", str(data))
    assert (running.returncode, "is running on" in running.stderr) == (2, True)
    before = audited_with_rows(data, 15)
    server.stop()
    done = run_cli("repartition", "7", "--data", str(data), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["before"], report["partitions"]) == (4, 7)
    assert report["wallets"] > 0
    assert run_cli("repartition", "7", "--data", str(data)).stdout == "The book has 7 partitions already.\n"
    offline = json.loads(run_cli("audit", "--data", str(data), "--json").stdout)
    assert (offline["findings"], offline["chains"]) == ([], 7)
    assert offline["wallets"] >= before["wallets"]
    assert acts(data)[-1] == ("cli", "book.repartition", "book:1")

    server = serving(data, command="demo")
    server.wait_ready()
    after = audited_with_rows(data, offline["rows"] + 15)
    assert after["chains"] == 7


def acts(data: Path) -> list[tuple[str, str, str]]:
    """Return who did what to what, oldest first; the log's chain is whole."""
    done = run_cli("actions", "--data", str(data), "--json")
    assert done.returncode == 0, done.stderr
    told = (json.loads(line) for line in done.stdout.splitlines())
    return [(line["actor"], line["verb"], line["subject"]) for line in told]


def audited_with_rows(data: Path, rows: int) -> dict[str, Any]:
    """Return the audit of a running server once the book has that many rows; it has no findings."""
    for _ in range(100):
        report: dict[str, Any] = json.loads(run_cli("audit", "--data", str(data), "--json").stdout)
        assert report["findings"] == []
        if report["rows"] >= rows:
            return report
        time.sleep(0.1)
    raise AssertionError(f"no {rows} rows: {report}")


def test_no_number_changes_nothing_whatever_the_settings_say(
    serving: Callable[..., Serving], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serving(data)
    server.wait_ready()
    server.stop()
    (tmp_path / "livegift.toml").write_text("partitions = 3\n")
    monkeypatch.setenv("LIVEGIFT_PARTITIONS", "5")
    done = run_cli("repartition", "--data", str(data), cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    assert json.loads(run_cli("repartition", "4", "--data", str(data), "--json", cwd=tmp_path).stdout)["epoch"] is None


def test_a_book_of_the_version_before_is_cared_for(serving: Callable[..., Serving], data: Path, tmp_path: Path) -> None:
    server = serving(data)
    server.wait_ready()

    def make_older() -> None:
        with closing(sqlite3.connect(data / "book.sqlite3")) as book:
            book.execute("DROP VIEW IF EXISTS living")
            for table in SINCE_SCHEMA:
                book.execute(f"DROP TABLE IF EXISTS {table}")
            book.execute("PRAGMA user_version = 1")

    make_older()
    beside = run_cli("backup", str(tmp_path / "beside"), "--data", str(data))
    assert (beside.returncode, "older livegift's" in beside.stderr) == (2, True)
    server.stop()
    for command in (["backup", str(tmp_path / "after")], ["recover"], ["repartition", "6"]):
        make_older()
        done = run_cli(*command, "--data", str(data))
        assert done.returncode == 0, done.stderr
