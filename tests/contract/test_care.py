"""The commands of an operator, as they are typed: backup, restore, recover."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.processes import Serving, run_cli


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
