"""Tokens: ours open the door, nothing else does."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from livegift.errors import CannotRun
from livegift.identity.claims import TokenRefused
from livegift.identity.own import mint, verify
from livegift.identity.secret import load_secret

SECRET = b"k" * 32


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def code_of(token: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        verify(SECRET, token, now_ms())
    return refused.value.code


def signed(**claims: object) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))


def test_a_minted_token_says_who_and_until_when() -> None:
    claims = verify(SECRET, mint(SECRET, "u1", "Ann", "creator", 60), now_ms())
    assert (claims.user, claims.name, claims.role) == ("u1", "Ann", "creator")
    assert 58_000 < claims.expires_ms - now_ms() <= 60_000


def test_an_ended_token_is_expired() -> None:
    assert code_of(mint(SECRET, "u1", "Ann", "viewer", -1)) == "token_expired"


def test_another_secret_is_a_bad_token() -> None:
    assert code_of(mint(b"j" * 32, "u1", "Ann", "viewer", 60)) == "bad_token"


def test_an_unsigned_token_is_a_bad_token() -> None:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"sub": "u1", "name": "Ann", "role": "creator", "exp": int(time.time()) + 60}
    assert code_of(f"{part({'alg': 'none'})}.{part(claims)}.") == "bad_token"


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"sub": "u1", "name": "Ann", "role": "king", "exp": 2**40},
        {"sub": 1, "name": "Ann", "role": "viewer", "exp": 2**40},
        {"sub": "", "name": "Ann", "role": "viewer", "exp": 2**40},
        {"sub": "u1", "name": "Ann", "role": "viewer"},
        {"sub": "u1", "name": "Ann", "role": "viewer", "exp": "soon"},
    ],
)
def test_incomplete_claims_are_a_bad_token(claims: dict[str, object]) -> None:
    assert code_of(signed(**claims)) == "bad_token"


@pytest.mark.parametrize("token", ["", ".", "a.b.c", "🎁", "x" * 4096])
def test_nonsense_is_a_bad_token(token: str) -> None:
    assert code_of(token) == "bad_token"


@pytest.mark.parametrize(("user", "name"), [("a\x00", "Ann"), ("a", "A\x00nn")])
def test_a_name_that_no_book_can_hold_is_a_bad_token(user: str, name: str) -> None:
    with pytest.raises(TokenRefused, match="bad_token"):
        verify(SECRET, mint(SECRET, user, name, "viewer", 60), int(time.time() * 1_000))


def test_an_unknown_role_is_not_minted() -> None:
    with pytest.raises(ValueError, match="king"):
        mint(SECRET, "u1", "Ann", "king", 60)


def test_the_secret_is_made_once_however_many_ask(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret.key"
    with ThreadPoolExecutor(8) as threads:
        secrets = set(threads.map(lambda _: load_secret(path), range(32)))
    assert len(secrets) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret.key"]


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    load_secret(path)
    path.chmod(0o644)
    with pytest.raises(CannotRun, match="chmod 600"):
        load_secret(path)


def test_a_secret_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.touch(mode=0o600)
    with pytest.raises(CannotRun, match="64 hex digits"):
        load_secret(path)


@given(st.integers(1_700_000_000_000, 1_900_000_000_000), st.integers(0, 999_999))
def test_a_token_is_issued_in_its_own_millisecond_whatever_comes_after_that(ms: int, ns: int) -> None:
    # A later one would outlive a revocation, an earlier one end with a revocation of before it.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: ms * 1_000_000 + ns)
        token = mint(SECRET, "u1", "Ann", "viewer", 60)
    assert verify(SECRET, token, ms).issued_ms == ms
