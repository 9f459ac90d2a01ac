"""The deployment's signing key: Ed25519, its seed in ``<data>/signing.key``, made at the first use."""

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from livegift.identity.secret import load_secret


class Signer:
    """Signs texts; ``public`` is the key in hex that anyone may know."""

    def __init__(self, path: Path) -> None:
        """Load the key, making it at the first use; raises ``CannotRun`` as ``load_secret`` does."""
        self._key = Ed25519PrivateKey.from_private_bytes(load_secret(path))
        self.public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def sign(self, text: str) -> str:
        """Return the signature of a text, in hex."""
        return self._key.sign(text.encode()).hex()


def is_signed(public: str, text: str, signature: str) -> bool:
    """Whether that key has signed that text; False also for what is no key or no signature."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True
