"""The media servers that we understand, each with its signature and the two events that matter.

LiveKit signs a JWT (HS256, its API secret) that holds the SHA-256 of the body; Mux an HMAC-SHA256 over time and body;
OvenMediaEngine an HMAC-SHA1 over the body (it has no better one). Owncast signs nothing: its secret stands in the URL.
"""

import binascii
import hashlib
import hmac
from base64 import b64decode, urlsafe_b64encode
from typing import Any
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from livegift.hooks.event import Delivery, HookRefused, StreamEvent, object_of, text_at, time_ms

TOLERANCE_MS = 300_000
"""How old a signed time may be, as Mux's own SDKs have it."""


class LiveKit:
    """``room_started`` and ``room_finished``; the stream is the room's name.

    https://docs.livekit.io/intro/basics/rooms-participants-tracks/webhooks-events/
    """

    decides = False

    def __init__(self, secret: str, key: str) -> None:
        self._secret, self._key = OctKey.import_key(secret), key

    def read(self, delivery: Delivery) -> StreamEvent | None:
        """Return what it tells."""
        self._check(delivery)
        found = object_of(delivery.body)
        event, name = text_at(found, "event"), text_at(found, "room", "name")
        if event not in ("room_started", "room_finished") or not name:
            return None
        try:
            at_ms = int(found.get("createdAt", 0)) * 1_000  # a 64-bit number is a text in its JSON
        except (TypeError, ValueError) as error:
            raise HookRefused("createdAt is no time") from error
        return StreamEvent(name, event == "room_started", at_ms, None)

    def _check(self, delivery: Delivery) -> None:
        token = delivery.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            claims = jwt.decode(token, self._secret, algorithms=["HS256"]).claims
        except (JoseError, ValueError) as error:
            raise HookRefused("its token is not signed with our secret") from error
        end, start = claims.get("exp"), claims.get("nbf", 0)
        if not isinstance(end, int | float) or end * 1_000 + TOLERANCE_MS < delivery.now_ms:
            raise HookRefused("its token has ended")
        if not isinstance(start, int | float) or start * 1_000 - TOLERANCE_MS > delivery.now_ms:
            raise HookRefused("its token is of the future")
        try:
            said = b64decode(str(claims.get("sha256", "")), validate=True)
        except (ValueError, binascii.Error) as error:
            raise HookRefused("its token has no sum") from error
        if claims.get("iss") != self._key or not hmac.compare_digest(said, hashlib.sha256(delivery.body).digest()):
            raise HookRefused("its token is for another key, or another body")

    def answer(self, event: StreamEvent | None) -> dict[str, Any]:
        """Return nothing: it only looks at the status."""
        return {}


class Mux:
    """``video.live_stream.active`` and ``.idle``; the stream is its ``passthrough``, else its id.

    https://www.mux.com/docs/core/verify-webhook-signatures
    """

    decides = False

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def read(self, delivery: Delivery) -> StreamEvent | None:
        """Return what it tells."""
        self._check(delivery)
        found = object_of(delivery.body)
        kind, data = text_at(found, "type"), found.get("data")
        stream = text_at(data, "passthrough") or text_at(data, "id")
        if kind not in ("video.live_stream.active", "video.live_stream.idle") or not stream:
            return None
        return StreamEvent(stream, kind.endswith("active"), time_ms(text_at(found, "created_at")), None)

    def _check(self, delivery: Delivery) -> None:
        said = [part.partition("=") for part in delivery.headers.get("mux-signature", "").split(",")]
        at = next((value for name, _, value in said if name == "t"), "")
        signed = hmac.new(self._secret, f"{at}.".encode() + delivery.body, hashlib.sha256).hexdigest()
        if not any(name == "v1" and hmac.compare_digest(value.encode(), signed.encode()) for name, _, value in said):
            raise HookRefused("it is not signed with our secret")
        if not at.isdecimal() or abs(int(at) * 1_000 - delivery.now_ms) > TOLERANCE_MS:
            raise HookRefused("its signature is too old")

    def answer(self, event: StreamEvent | None) -> dict[str, Any]:
        """Return nothing: it only looks at the status."""
        return {}


class OvenMediaEngine:
    """AdmissionWebhooks of providers (``incoming``); the stream is the second part of the URL's path.

    https://docs.ovenmediaengine.com/access-control/admission-webhooks
    """

    decides = True

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def read(self, delivery: Delivery) -> StreamEvent | None:
        """Return what it tells."""
        signed = urlsafe_b64encode(hmac.new(self._secret, delivery.body, hashlib.sha1).digest()).rstrip(b"=")
        said = delivery.headers.get("x-ome-signature", "").rstrip("=")
        if not hmac.compare_digest(said.encode(), signed):
            raise HookRefused("it is not signed with our secret")
        request = object_of(delivery.body).get("request")
        status, path = text_at(request, "status"), urlsplit(text_at(request, "url")).path.split("/")
        is_stream = text_at(request, "direction") == "incoming" and len(path) > 2 and path[2]
        if not is_stream or status not in ("opening", "closing"):
            return None
        return StreamEvent(path[2], status == "opening", time_ms(text_at(request, "time")), None)

    def answer(self, event: StreamEvent | None) -> dict[str, Any]:
        """Allow the stream, and every viewer: who may watch is not for us to say."""
        return {} if event is not None and not event.is_live else {"allowed": True}


class Owncast:
    """``STREAM_STARTED`` and ``STREAM_STOPPED``; one server is one stream, called ``owncast``.

    https://owncast.online/thirdparty/webhooks/
    """

    decides = False

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def read(self, delivery: Delivery) -> StreamEvent | None:
        """Return what it tells."""
        if not hmac.compare_digest(delivery.secret.encode(), self._secret):
            raise HookRefused("the URL does not end with our secret")
        found = object_of(delivery.body)
        kind, data = text_at(found, "type"), found.get("eventData")
        if kind not in ("STREAM_STARTED", "STREAM_STOPPED"):
            return None
        title = text_at(data, "streamTitle") or text_at(data, "name") or None
        return StreamEvent("owncast", kind == "STREAM_STARTED", time_ms(text_at(data, "timestamp")), title)

    def answer(self, event: StreamEvent | None) -> dict[str, Any]:
        """Return nothing: it looks at nothing."""
        return {}
