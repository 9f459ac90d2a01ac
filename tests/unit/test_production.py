"""What a production deployment is told to mend, and that nothing is left of it once it is mended."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from livegift import cli, production
from livegift.config import Config
from livegift.errors import CannotRun
from livegift.secrets import read_files

MOUNTS = """/dev/sda1 / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
overlay /box overlay rw 0 0
shop:/v /far\\040away nfs4 rw 0 0
/dev/sdb1 /var/lib/livegift xfs rw 0 0
"""
GOOD = Config(
    environment="production",
    data=Path("/var/lib/livegift"),
    allowed_origins="https://live.example",
    trusted_proxies="127.0.0.1",
    address_connections_max=50,
    address_connects_per_s=5,
    address_requests_per_s=50,
    user_connections_max=10,
    connections_max=3_000,
)


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    monkeypatch.setattr(production, "MOUNTS", mounts)
    monkeypatch.setattr(os, "geteuid", lambda: 998)
    monkeypatch.setattr(production.resource, "getrlimit", lambda _: (1_024, 4_096))
    monkeypatch.chdir(tmp_path)


async def mends(config: Config) -> dict[str, str]:
    return {one.what: one.mend for one in await production.findings(config) if one.mend is not None}


async def test_a_deployment_that_is_in_order_has_nothing_to_mend() -> None:
    assert await mends(GOOD) == {}
    assert await mends(replace(GOOD, store="postgresql://u:p@db.example/x?sslmode=verify-full")) == {}
    assert await mends(replace(GOOD, store="postgresql://u:p@127.0.0.1/x")) == {}


@pytest.mark.parametrize(
    ("changed", "what", "mend"),
    [
        ({"environment": "development"}, "environment", "environment = production"),
        ({"demo": True}, "demo", "leave it out"),
        ({"allowed_origins": None}, "origins", "allowed_origins"),
        ({"trusted_proxies": None}, "proxies", "trusted_proxies"),
        ({"user_connections_max": 0}, "limits", "docs/limits.md"),
        ({"jwt_keys": "http://id.example/keys"}, "identity", "https://"),
        ({"store": "postgresql://u:p@db.example/x"}, "book", "sslmode=verify-full"),
        ({"store": "postgresql://u:p@db.example/x?sslmode=disable"}, "book", "sslmode=verify-full"),
        ({"checkpoint_interval_s": 0}, "checkpoints", "checkpoint_interval_s"),
        ({"data": Path("/tmp/x")}, "data", "a restart empties it"),
        ({"data": Path("/box/data")}, "data", "gone with the container"),
        ({"data": Path("/far away/data")}, "data", "local disk"),
        ({"connections_max": 18_000}, "open files", "19000"),
        ({"log_level": "debug"}, "logs", "info"),
    ],
)
async def test_each_thing_is_named_with_what_mends_it(changed: dict[str, object], what: str, mend: str) -> None:
    found = await mends(replace(GOOD, **changed))  # type: ignore[arg-type]
    assert found.keys() == {what}
    assert mend in found[what]


async def test_root_and_secrets_that_others_may_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (tmp_path / "secret.key").write_text("00" * 32)
    (tmp_path / "secret.key").chmod(0o640)
    (tmp_path / "livegift.toml").write_text('redis-url = "redis://:password@10.0.0.1"\n')
    (tmp_path / "livegift.toml").chmod(0o644)
    told = await production.findings(replace(GOOD, data=tmp_path))
    text = " ".join(f"{one.found} → {one.mend}" for one in told if one.mend)
    assert "run it as a user of its own" in text
    assert f"chmod 600 {tmp_path / 'secret.key'}" in text
    assert "chmod 600 livegift.toml" in text
    assert "password@" not in text


async def test_an_engine_far_away_is_encrypted_and_asks_for_a_password() -> None:
    told = await production.findings(replace(GOOD, redis_url="redis://192.0.2.1:1", redis_timeout_ms=1))
    wanted = [one.mend for one in told if one.what == "Redis"]
    assert ["rediss://" in str(wanted[0]), "password" in str(wanted[1])] == [True, True]
    [journal] = [one for one in told if one.what == "journal"]
    assert journal.mend == "see that it answers"


def test_the_command_exits_with_1_until_all_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIVEGIFT_DATA", str(tmp_path / "data"))
    words = ["check", "--port", "0", "--admin-port", "0", "--json"]
    assert cli.main([*words, "--for", "production"]) == 1
    found = {one["what"] for one in json.loads(capsys.readouterr().out)["findings"] if one["mend"]}
    assert {"environment", "origins", "proxies", "limits"} <= found
    assert cli.main([*words, "--for", "fun"]) == 2


def test_a_secret_may_stand_in_a_file_that_a_variable_names(tmp_path: Path) -> None:
    path = tmp_path / "store"
    path.write_text("postgresql://u:p@h/d\n")
    environment = {"LIVEGIFT_STORE_FILE": str(path)}
    read_files(environment)
    assert environment == {"LIVEGIFT_STORE": "postgresql://u:p@h/d"}
    with pytest.raises(CannotRun, match="both set"):
        read_files({"LIVEGIFT_STORE_FILE": str(path), "LIVEGIFT_STORE": "sqlite"})
    with pytest.raises(CannotRun, match="LIVEGIFT_REDIS_URL_FILE names"):
        read_files({"LIVEGIFT_REDIS_URL_FILE": str(tmp_path / "none")})
