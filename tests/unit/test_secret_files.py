"""Secrets out of files: what is read, and the sentence for what can't be."""

import time
from pathlib import Path
from traceback import format_exception

import jwt as pyjwt
import pytest

from livegift.config import Config
from livegift.errors import CannotRun
from livegift.identity.identity import open_identity
from livegift.secrets import SECRET_BYTES_MAX, read_secret

SECRET = "a secret that the platform shares with us, long enough"


def test_what_an_editor_adds_at_the_end_is_no_part_of_a_secret(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\r\n")
    assert read_secret(path, setting="x_file") == SECRET


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (None, "can't be read: No such file or directory."),
        (b" \n", "is empty."),
        (b"top\xff\xfesecret", "is no text (UTF-8)."),
        (b"x" * (SECRET_BYTES_MAX + 1), f"is larger than {SECRET_BYTES_MAX} bytes."),
    ],
)
def test_what_can_be_no_secret_is_said_without_repeating_it(tmp_path: Path, found: bytes | None, why: str) -> None:
    path = tmp_path / "secret"
    if found is not None:
        path.write_bytes(found)
    with pytest.raises(CannotRun) as no:
        read_secret(path, setting="x_file")
    assert str(no.value) == f"x_file names {path}, which {why}"
    assert "UnicodeDecodeError" not in "".join(format_exception(no.value))  # it holds the bytes


def test_a_secrets_file_reaches_a_child_process_as_a_path() -> None:
    config = Config(jwt_secret_file=Path("/run/secrets/jwt"))
    assert Config.from_json(config.to_json()) == config


async def test_a_platforms_token_is_judged_by_the_secret_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    config = Config(identity="jwt", jwt_secret_file=path, jwt_issuer="https://shop", jwt_audience="gifts")
    now_s = int(time.time())
    claims = {"sub": "u1", "iss": "https://shop", "aud": "gifts", "iat": now_s, "exp": now_s + 60}
    token = pyjwt.encode(claims, SECRET, algorithm="HS256")
    assert (await (await open_identity(config, b"o" * 32)).verify(token, now_s * 1_000)).user == "u1"


@pytest.mark.parametrize("other", [{"jwt_secret": SECRET}, {"jwt_keys": "keys.json"}])
async def test_one_source_of_keys_is_named(tmp_path: Path, other: dict[str, str]) -> None:
    config = Config(identity="jwt", jwt_secret_file=tmp_path / "secret", **other)  # type: ignore[arg-type]
    with pytest.raises(CannotRun, match="set one of jwt_secret, jwt_secret_file and jwt_keys"):
        await open_identity(config, b"o" * 32)


async def test_a_short_secret_is_refused_from_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("short" + " " * 40)
    config = Config(identity="jwt", jwt_secret_file=path, jwt_issuer="https://shop", jwt_audience="gifts")
    with pytest.raises(CannotRun, match="shorter than 32"):
        await open_identity(config, b"o" * 32)
