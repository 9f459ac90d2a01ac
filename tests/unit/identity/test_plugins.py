"""Whoever judges tokens besides us: found by its entry point, run again when it fails, and let go in the end."""

import asyncio
import importlib
import sys
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from livegift.config import Config
from livegift.errors import CannotRun
from livegift.identity import identity as module
from livegift.identity.claims import TokenRefused
from livegift.identity.identity import open_identity
from livegift.identity.own import mint
from tests.world import until

SECRET = b"s" * 32
PLUGIN = """
from livegift.identity.claims import Claims, TokenRefused

class Judge:
    runs, closed = 0, False

    @classmethod
    async def opened(cls, config):
        if config.jwt_issuer == "broken":
            raise ValueError("no such house")
        return cls()

    async def verify(self, token, now_ms):
        if token != "open sesame":
            raise TokenRefused("bad_token", "not the word")
        return Claims(user="ali", name="Ali", role="viewer", expires_ms=now_ms + 1)

    async def run(self):
        Judge.runs += 1
        if Judge.runs < 3:
            raise RuntimeError("tripped")

    async def close(self):
        Judge.closed = True
        raise RuntimeError("the door is stuck")
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    (tmp_path / "cave.py").write_text(PLUGIN)
    told = tmp_path / "cave-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: cave\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text("[livegift.identity]\ncave = cave:Judge\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    importlib.invalidate_caches()
    monkeypatch.delitem(sys.modules, "cave", raising=False)
    monkeypatch.setattr(module, "AGAIN_S", 0.001)
    return Config(identity="cave")


async def test_its_tokens_are_good_beside_our_own(plugin: Config) -> None:
    identity = await open_identity(plugin, SECRET)
    assert (await identity.verify("open sesame", 1)).user == "ali"
    assert (await identity.verify(mint(SECRET, "u1", "U", "viewer", 60), int(time.time() * 1_000))).user == "u1"
    with pytest.raises(TokenRefused) as no:
        await identity.verify("open barley", 1)
    assert no.value.code == "bad_token"


async def test_what_it_raises_is_logged_and_ends_nothing(plugin: Config) -> None:
    identity = await open_identity(plugin, SECRET)
    judge = sys.modules["cave"].Judge
    with capture_logs() as lines:
        running = asyncio.create_task(identity.run())
        await until(lambda: judge.runs == 3)
        await asyncio.sleep(0)
        assert not running.done()
        running.cancel()
        await identity.close()
    assert judge.closed
    assert [line["event"] for line in lines] == [*["identity_run_failed"] * 2, "identity_close_failed"]


async def test_one_that_can_not_be_used_or_is_not_there_is_a_sentence_at_the_start(plugin: Config) -> None:
    with pytest.raises(CannotRun, match="'cave' can't be used: ValueError: no such house"):
        await open_identity(Config(identity="cave", jwt_issuer="broken"), SECRET)
    with pytest.raises(CannotRun, match="there are own, jwt, cave"):
        await open_identity(Config(identity="grotto"), SECRET)
