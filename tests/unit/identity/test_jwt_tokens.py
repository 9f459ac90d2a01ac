"""Tokens that another library has minted: who is let in, under which name, and above all who is not."""

import hashlib
import hmac
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from livegift.config import Config
from livegift.errors import CannotRun
from livegift.identity.claims import TokenRefused
from livegift.identity.identity import Identity, open_identity
from livegift.identity.own import mint
from tests.issuer import as_set

OWN = b"o" * 32
SECRET = "a secret that the platform shares with us, as long as HS512 wants it to be"
NOW_S = int(time.time())
NOW_MS = NOW_S * 1_000

NO_IAT = "it does not say when it was issued (iat), and lives too long"


def claims(**other: Any) -> dict[str, Any]:
    base = {"sub": "u1", "name": "Ann", "iss": "https://shop", "aud": "gifts", "iat": NOW_S, "exp": NOW_S + 600}
    return {key: value for key, value in {**base, **other}.items() if value is not None}


def shared(**other: Any) -> str:
    return pyjwt.encode(claims(**other), SECRET, algorithm="HS256")


async def identity(**settings: Any) -> Identity:
    config = {"jwt_issuer": "https://shop", "jwt_audience": "gifts", "jwt_secret": SECRET, **settings}
    return await open_identity(Config(identity="jwt", **config), OWN)


async def why_not(token: str, **settings: Any) -> str:
    with pytest.raises(TokenRefused) as refused:
        await (await identity(**settings)).verify(token, NOW_MS)
    return f"{refused.value.code}: {refused.value.why}".removesuffix(": ")


async def test_a_platforms_token_says_who_and_until_when() -> None:
    found = await (await identity()).verify(shared(role="creator", rooms=["r1"], adult=True), NOW_MS)
    assert (found.user, found.name, found.role, found.rooms, found.is_adult) == ("u1", "Ann", "creator", ("r1",), True)
    assert found.issued_ms == NOW_MS
    assert found.expires_ms == NOW_MS + 630_000  # with the leeway
    assert found.may_enter("r1")
    assert not found.may_enter("r2")


async def test_the_deployments_own_tokens_stay_good() -> None:
    assert (await (await identity()).verify(mint(OWN, "u2", "Bo", "viewer", 60), NOW_MS)).user == "u2"


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"iss": "https://other"}, "bad_token: another issuer's"),
        ({"iss": None}, "bad_token: another issuer's"),
        ({"aud": "films"}, "bad_token: for another audience"),
        ({"aud": ["films", "shop"]}, "bad_token: for another audience"),
        ({"aud": None}, "bad_token: for another audience"),
        ({"exp": None}, "bad_token: it has no end (exp)"),
        ({"exp": NOW_S - 31}, "token_expired"),
        ({"iat": NOW_S - 931, "exp": NOW_S + 9_000}, "token_expired"),
        (
            {"iat": None, "exp": NOW_S + 9_000},
            "bad_token: it does not say when it was issued (iat), and lives too long",
        ),
        ({"iat": NOW_S + 31}, "bad_token: its times are in the future"),
        ({"nbf": NOW_S + 31}, "bad_token: its times are in the future"),
        ({"exp": 1e300}, "bad_token: exp is no time"),
        ({"sub": None}, "bad_token: the claim sub is missing"),
        ({"sub": ""}, "bad_token: the claim sub is missing"),
        ({"name": "A\x00"}, "bad_token: the claim name is no text"),
        ({"name": ["Ann"]}, "bad_token: the claim name is no text"),
        ({"rooms": "r1"}, "bad_token: the claim rooms is no list of ids"),
        ({"adult": "yes"}, "bad_token: the claim adult is neither true nor false"),
    ],
)
async def test_what_is_not_for_us_is_refused(other: dict[str, Any], why: str) -> None:
    assert await why_not(shared(**other)) == why


@pytest.mark.parametrize("other", [{"aud": ["films", "gifts"]}, {"exp": NOW_S - 29}, {"iat": NOW_S + 29}])
async def test_within_the_leeway_and_among_audiences_it_is_good(other: dict[str, Any]) -> None:
    assert (await (await identity()).verify(shared(**other), NOW_MS)).user == "u1"


async def test_a_token_that_lives_for_days_is_believed_for_a_quarter_of_an_hour() -> None:
    found = await (await identity()).verify(shared(exp=NOW_S + 9_000_000), NOW_MS)
    assert found.expires_ms == NOW_MS + 930_000


@pytest.mark.parametrize("token", ["", ".", "a.b.c", "🎁", "x" * 4_096, "\x00"])
async def test_nonsense_is_a_bad_token(token: str) -> None:
    assert (await why_not(token)).startswith("bad_token")


async def test_another_secret_another_algorithm_or_none_is_a_bad_token() -> None:
    assert await why_not(pyjwt.encode(claims(), SECRET[::-1], algorithm="HS256")) == "bad_token: BadSignatureError"
    assert (await why_not(pyjwt.encode(claims(), SECRET, algorithm="HS512"))).startswith("bad_token")
    assert (await why_not(pyjwt.encode(claims(), None, algorithm="none"))).startswith("bad_token")


async def test_claims_are_read_where_the_platform_has_put_them() -> None:
    token = shared(
        sub=None, name=None, uid=42, profile={"nick": "Bo"}, **{"https://shop/roles": ["guest", "mod", "streamer"]}
    )
    door = await identity(
        jwt_claims="user=uid, name=profile.nick, role=https://shop/roles", jwt_roles="streamer=creator,mod=moderator"
    )
    found = await door.verify(token, NOW_MS)
    assert (found.user, found.name, found.role) == ("42", "Bo", "creator")


@pytest.mark.parametrize(
    ("said", "role"), [("king", "viewer"), (None, "viewer"), ("bot", "bot"), (["x", "admin"], "admin")]
)
async def test_a_role_that_is_none_of_ours_is_the_default_one(said: object, role: str) -> None:
    assert (await (await identity()).verify(shared(role=said), NOW_MS)).role == role


KEYS = {
    "RS256": rsa.generate_private_key(public_exponent=65_537, key_size=2_048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


@pytest.mark.parametrize("algorithm", sorted(KEYS))
async def test_public_keys_open_the_door(tmp_path: Path, algorithm: str) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(as_set(k1=KEYS[algorithm]))
    token = pyjwt.encode(claims(), KEYS[algorithm], algorithm=algorithm, headers={"kid": "k1"})
    door = await identity(jwt_secret=None, jwt_keys=str(keys), jwt_algorithms=algorithm)
    assert (await door.verify(token, NOW_MS)).user == "u1"
    nameless = pyjwt.encode(claims(), KEYS[algorithm], algorithm=algorithm)
    assert (await door.verify(nameless, NOW_MS)).user == "u1"
    stranger = pyjwt.encode(claims(), KEYS[algorithm], algorithm=algorithm, headers={"kid": "k2"})
    with pytest.raises(TokenRefused, match="bad_token"):
        await door.verify(stranger, NOW_MS)


async def test_a_public_key_is_no_secret(tmp_path: Path) -> None:
    """The classic: sign with HS256, and the published key as its secret."""
    keys = tmp_path / "keys.json"
    keys.write_text(as_set(k1=KEYS["RS256"]))
    public = (
        KEYS["RS256"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    head, body, _ = pyjwt.encode(claims(), SECRET, algorithm="HS256", headers={"kid": "k1"}).split(".")
    forged = urlsafe_b64encode(hmac.digest(public, f"{head}.{body}".encode(), hashlib.sha256)).decode().rstrip("=")
    assert (await why_not(f"{head}.{body}.{forged}", jwt_secret=None, jwt_keys=str(keys))).startswith("bad_token")


async def test_a_secret_among_published_keys_is_not_used(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text('{"keys":[{"kty":"oct","kid":"k1","k":"' + "YWFh" * 14 + '"}]}')
    token = pyjwt.encode(claims(), "a" * 42, algorithm="HS256", headers={"kid": "k1"})
    assert await why_not(token, jwt_secret=None, jwt_keys=str(keys)) == "bad_token: no key of that id"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"jwt_secret": None}, "set one of jwt_secret, jwt_secret_file and jwt_keys"),
        ({"jwt_keys": "x"}, "set one of jwt_secret, jwt_secret_file and jwt_keys"),
        ({"jwt_issuer": ""}, "tokens for others"),
        ({"jwt_audience": ""}, "tokens for others"),
        ({"jwt_secret": "short"}, "could be guessed"),
        ({"jwt_algorithms": "none"}, "jwt_algorithms names 'none'"),
        ({"jwt_algorithms": "RS256"}, "jwt_algorithms names 'RS256'"),
        ({"jwt_secret": None, "jwt_keys": "/nowhere/keys.json"}, "can't be read"),
        ({"jwt_claims": "nick=name"}, "jwt_claims names 'nick'"),
        ({"jwt_claims": "user"}, "must be name=name"),
        ({"jwt_roles": "mod=king"}, "names the role 'king'"),
        ({"jwt_default_role": "king"}, "names the role 'king'"),
    ],
)
async def test_settings_that_are_not_safe_are_a_sentence_at_the_start(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CannotRun, match=sentence):
        await identity(**settings)


async def test_a_plug_in_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(CannotRun, match="identity is 'saml'; there are own, jwt"):
        await open_identity(Config(identity="saml"), OWN)
