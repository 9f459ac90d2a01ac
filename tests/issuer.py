"""An issuer of tokens: its key set, and where it publishes that."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, OKPKey, RSAKey

Private = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey


def as_set(**keys: Private) -> str:
    """Return the public halves as a JWKS document, by their ids."""
    return json.dumps({"keys": [_public(kid, key) for kid, key in keys.items()]})


def _public(kid: str, key: Private) -> dict[str, object]:
    kind: type[RSAKey] | type[ECKey] | type[OKPKey]
    kind = RSAKey if isinstance(key, RSAPrivateKey) else ECKey if isinstance(key, EllipticCurvePrivateKey) else OKPKey
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return dict(kind.import_key(pem, {"kid": kid}).as_dict(private=False))


class Issuer:
    """Publishes a set over HTTP, and counts who asks."""

    def __init__(self, document: str) -> None:
        self.document = document
        self.status = b"200 OK"
        self.asked = 0
        self.url = ""
        self.goes_on = asyncio.Event()
        """Cleared while it hangs."""
        self.goes_on.set()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        await self.goes_on.wait()
        body = self.document.encode()
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (self.status, len(body)))
        writer.write(body)
        writer.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Issuer"]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}/keys"
        async with server:
            yield self
