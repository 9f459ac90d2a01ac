"""Media servers' requests, as their documentation shows them, signed as they sign: with other code than ours."""

import hashlib
import hmac
import json
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jwt

SECRET = "a secret of thirty-two characters"
LIVEKIT_KEY = "APIabc123"


@dataclass(frozen=True)
class Sent:
    """One request."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    secret: str = ""


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def livekit(stream: str, *, is_live: bool, at_ms: int, secret: str = SECRET, key: str = LIVEKIT_KEY) -> Sent:
    body = json.dumps(
        {
            "event": "room_started" if is_live else "room_finished",
            "room": {
                "sid": "RM_hycBMAjmt6Ub",
                "name": stream,
                "emptyTimeout": 300,
                "creationTime": str(at_ms // 1_000),
                "turnPassword": "",
                "enabledCodecs": [{"mime": "audio/opus"}, {"mime": "video/h264"}],
            },
            "id": "EV_eugWmGhovZmm",
            "createdAt": str(at_ms // 1_000),
        }
    ).encode()
    claims = {"iss": key, "nbf": at_ms // 1_000, "exp": at_ms // 1_000 + 300}
    claims |= {"sha256": b64encode(hashlib.sha256(body).digest()).decode()}
    token = jwt.encode(claims, secret, "HS256")
    return Sent(body, {"authorization": token, "content-type": "application/webhook+json"})


def mux(stream: str, *, is_live: bool, at_ms: int, secret: str = SECRET, **data: Any) -> Sent:
    body = json.dumps(
        {
            "type": f"video.live_stream.{'active' if is_live else 'idle'}",
            "request_id": None,
            "object": {"type": "live", "id": "aA02skpHXoLrbQm49qIzAG6RtewFOcDEY"},
            "id": "3a179ebd-3f1d-4be6-b4f1-0b4a5a3f2d11",
            "environment": {"name": "Production", "id": "5jd72n"},
            "data": {
                "stream_key": "54aa6b1e-9d1f-43e2-8b7c-3b8a0c6c2a3f",
                "status": "active" if is_live else "idle",
                "passthrough": stream,
                "playback_ids": [{"policy": "public", "id": "OYb6WRyjTIDXaTaW9WLqr2yXsGLkGZYb"}],
                "id": "aA02skpHXoLrbQm49qIzAG6RtewFOcDEY",
                "created_at": 1_795_600_000,
                **data,
            },
            "created_at": _iso(at_ms),
            "accessor": None,
        }
    ).encode()
    at = str(at_ms // 1_000)
    signed = hmac.digest(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hex()
    return Sent(body, {"mux-signature": f"t={at},v1={signed}", "content-type": "application/json"})


def ovenmediaengine(stream: str, *, is_live: bool, at_ms: int, secret: str = SECRET, way: str = "incoming") -> Sent:
    body = json.dumps(
        {
            "client": {"address": "211.233.58.86", "port": 29291, "user_agent": "OBS/30.0"},
            "request": {
                "direction": way,
                "protocol": "rtmp",
                "status": "opening" if is_live else "closing",
                "url": f"rtmp://stream.example.com:1935/app/{stream}?query=value",
                "time": _iso(at_ms),
            },
        },
        indent=2,
    ).encode()
    signed = urlsafe_b64encode(hmac.digest(secret.encode(), body, hashlib.sha1)).decode().rstrip("=")
    return Sent(body, {"x-ome-signature": signed, "content-type": "application/json"})


def owncast(stream: str, *, is_live: bool, at_ms: int, secret: str = SECRET) -> Sent:
    body = json.dumps(
        {
            "type": "STREAM_STARTED" if is_live else "STREAM_STOPPED",
            "eventData": {
                "id": "hqDqjTAVg",
                "name": "Owncast Demo Server",
                "streamTitle": "Late at the owncast",
                "summary": "Testing",
                "timestamp": _iso(at_ms),
            },
        }
    ).encode()
    return Sent(body, {"content-type": "application/json"}, secret)


SENDERS = {"livekit": livekit, "mux": mux, "ovenmediaengine": ovenmediaengine, "owncast": owncast}


def settings(creator: str) -> str:
    """Return the text of a file that describes all four, each named like its kind; ``hook.secret`` is beside it."""
    entries = []
    for kind in SENDERS:
        more = f'key = "{LIVEKIT_KEY}"\n' if kind == "livekit" else f'creator = "{creator}"\n' * (kind == "owncast")
        entries.append(f'[{kind}]\nkind = "{kind}"\nsecret_file = "hook.secret"\n{more}')
    return "\n".join(entries)
