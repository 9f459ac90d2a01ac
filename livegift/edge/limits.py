"""What one peer may ask of this process. Each process protects itself, so the counts are its own and cost no call.

Rates are GCRA: a burst, then a steady pace, answered with how long to wait. Names are forgotten in the order in which
they were quiet, so that memory is bounded however many there are.
"""

import hashlib
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from throttled import RateLimiterType, Throttled, rate_limiter, store

from livegift.clock import monotonic_ms
from livegift.config import Config
from livegift.errors import CannotRun

NAMES_MAX = 100_000

Networks = tuple[IPv4Network | IPv6Network, ...]


class Pace:
    """A rate for each name; 0 a second is no limit. Who was quiet longest is forgotten first, and may burst again."""

    def __init__(self, *, rate_per_s: int, burst: int) -> None:
        self._limit = rate_per_s and Throttled(
            using=RateLimiterType.GCRA.value,
            quota=rate_limiter.per_sec(rate_per_s, burst=burst),
            store=store.MemoryStore(options={"MAX_SIZE": NAMES_MAX}),
        )

    def wait_ms(self, name: str) -> int:
        """Take one from the name's budget, returning 0, or return in how many milliseconds there is one."""
        if not self._limit:
            return 0
        result = self._limit.limit(name)
        return max(1, int(result.state.retry_after * 1_000)) if result.limited else 0


class Addresses:
    """How many connections each address has; ``most`` 0 is no limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count: dict[str, int] = {}

    def enter(self, address: str) -> bool:
        """Count a connection; False, and nothing counted, if the address has as many as it may."""
        if not self._most:
            return True
        count = self._count.get(address, 0)
        if count >= self._most:
            return False
        self._count[address] = count + 1
        return True

    def leave(self, address: str) -> None:
        """Count one less."""
        if not self._most:
            return
        count = self._count[address] - 1
        if count:
            self._count[address] = count
        else:
            del self._count[address]


class Proxies:
    """Which peers are believed when they say for whom they ask."""

    def __init__(self, text: str) -> None:
        try:
            self._networks: Networks = tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
        except ValueError as error:
            raise CannotRun(f"trusted_proxies: {error}; it must be addresses or networks, with commas.") from error

    def client_of(self, peer: str, forwarded_for: str) -> str:
        """Return the address of whoever asks: the last in ``X-Forwarded-For`` that is none of ours, else the peer.

        What stands before that was written by a stranger.
        """
        hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
        client = peer
        while self._is_ours(client) and hops:
            client = hops.pop()
        return client

    def _is_ours(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


class Frames:
    """A connection's budget of frames, as one number: the time at which it would be whole again (GCRA)."""

    def __init__(self, *, rate_per_s: int, burst: int) -> None:
        self._each_ms = max(1, 1_000 // rate_per_s) if rate_per_s else 0
        self._burst_ms = self._each_ms * burst

    def take(self, whole_at_ms: int, weight: int = 1) -> tuple[int, int]:
        """Return the new number, and 0 or how many milliseconds too early a frame of that weight comes."""
        if not self._each_ms:
            return whole_at_ms, 0
        now = monotonic_ms()
        whole_at = max(whole_at_ms, now) + self._each_ms * weight
        early_ms = whole_at - now - self._burst_ms
        return (whole_at_ms, early_ms) if early_ms > 0 else (whole_at, 0)


class Limits:
    """All limits of one process."""

    def __init__(self, config: Config) -> None:
        self.proxies = Proxies(config.trusted_proxies or "")
        self.addresses = Addresses(config.address_connections_max)
        self.connects = Pace(rate_per_s=config.address_connects_per_s, burst=10 * config.address_connects_per_s)
        self.requests = Pace(rate_per_s=config.address_requests_per_s, burst=10 * config.address_requests_per_s)
        self.user_requests = Pace(rate_per_s=config.user_requests_per_s, burst=5 * config.user_requests_per_s)
        self.frames = Frames(rate_per_s=config.frames_per_s, burst=5 * config.frames_per_s)
        self.origins = frozenset(filter(None, (one.strip() for one in (config.allowed_origins or "").split(","))))

    def request_wait_ms(self, address: str, bearer: str) -> int:
        """Return 0, or in how many milliseconds this address or user may ask again over HTTP."""
        wait_ms = self.requests.wait_ms(address)
        if bearer and not wait_ms:
            wait_ms = self.user_requests.wait_ms(hashlib.blake2b(bearer.encode(), digest_size=12).hexdigest())
        return wait_ms

    def allows_origin(self, origin: str | None, host: str) -> bool:
        """Whether a page of that origin may open a WebSocket: any, unless some are named; then these and our own."""
        if origin is None or not self.origins:
            return True
        return origin in self.origins or origin.partition("://")[2] == host
