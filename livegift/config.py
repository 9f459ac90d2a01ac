"""Every setting of a livegift process: one frozen dataclass, read once at the entry (``cli``).

Flags win over ``LIVEGIFT_*`` variables, those over ``livegift.toml``. Units stand at the end of each name.
docs/configuration.md names every field; a test compares the two.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings, each with a unit and a default that is right for one machine."""

    data: Path = field(default=Path("livegift-data"))
    """Directory of the book, the embedded Valkey's AOF, the secret and the lock."""
    host: str = "127.0.0.1"
    """Address of the public port. A proxy with TLS stands in front of it."""
    port: int = 8000
    """Public port: WebSocket, HTTP API and pages. 0 takes a free one."""
    base_path: str = ""
    """Path below which all of the public port is, as `/gifts`, where a proxy passes on a part of a site as it is."""
    admin_port: int = 8001
    """Port of /livez, /readyz, /status and /metrics, on the same host; 0 takes a free one."""
    workers: int = 1
    """Edge processes that share the public port."""
    redis_url: str | None = None
    """An external Redis or Valkey (at least 7, noeviction) instead of the embedded one."""
    redis_prefix: str = "lg:"
    """First part of every key, so that several deployments can share one engine."""
    redis_timeout_ms: int = 2_000
    """How long a call to Redis may take before its fate counts as unknown."""
    appendfsync: str = "everysec"
    """Of the embedded Valkey: `everysec` or `always`. The book's commit is the promise, the journal a bridge."""
    store: str = "sqlite"
    """The book: `sqlite` (a file in `data`) or a URL `postgresql://user:password@host/database`."""
    partitions: int = 4
    """P of a new book; the book remembers it."""
    sql_timeout_ms: int = 2_000
    """How long a read or write of the book waits for its lock before HTTP answers 503."""
    flush_pause_ms: int = 2
    """Pause between two commits, so that other writers of the SQLite book get their turn."""
    flush_busy_pause_ms: int = 8
    """The same pause while much is happening (over 16 events in the last commit): larger batches cost less each."""
    flush_events_max: int = 2_000
    """Most events of one partition in one transaction; fewer while the book is too slow for as many."""
    journal_events_max: int = 200_000
    """Unflushed events of a partition; beyond it sends get `busy`."""
    hot_wallets_max: int = 100_000
    """Hot wallets of a partition; beyond it idle ones go first, then `busy`."""
    evict_interval_ms: int = 30_000
    """How often the flusher looks for idle wallets."""
    batch_gifts_max: int = 64
    """Gifts of one gift.lua call, 1 to 64."""
    batch_interval_ms: int = 3
    """Shortest time between two gift.lua calls of a partition, so that a busy one sends fewer, larger batches."""
    send_queue_max: int = 4_096
    """Gifts of an edge process waiting for one partition; beyond it `busy`."""
    send_deadline_ms: int = 5_000
    """How long an edge tries to place a gift (recovery included) before it answers `busy`."""
    combo_window_ms: int = 5_000
    """Longest time between two gifts of one combo."""
    history_frames_max: int = 1_000
    """Folds kept per room for those who reconnect."""
    top_max: int = 100
    """Senders in a snapshot's ranking."""
    room_closed_fold_ms: int = 3_600_000
    """How long a closed room still folds gifts accepted before it closed, and is kept by the announcer."""
    tick_ms: int = 40
    """A busy room's frames are joined for this long."""
    ping_ms: int = 25_000
    """Interval of WebSocket pings."""
    pong_ms: int = 8_000
    """A connection without a pong for this long after a ping is closed, unless the peer is behind and still takes what
    waits for it."""
    connect_ms: int = 5_000
    """A connection without `connect` for this long is closed with 4408; one without a newer token for this long after
    the end of the old one with 4502."""
    drain_returns_per_s: int = 1_000
    """Viewers a second whom an edge that stops tells to come back: what those who take them in can bear."""
    drain_spread_ms_max: int = 15_000
    """Longest time over which it spreads them, however many they are; it serves who has not left yet as long."""
    connections_max: int = 18_000
    """Connections of one edge process; beyond it newcomers are answered 503."""
    address_connections_max: int = 0
    """WebSockets of one address to one edge process; 0: as many as it likes (behind a proxy all have its address)."""
    address_connects_per_s: int = 0
    """WebSockets a second that one address may open, after a burst of ten seconds' worth; 0: as many as it likes."""
    address_requests_per_s: int = 0
    """HTTP requests a second of one address, after a burst of ten seconds' worth; 0: as many as it likes."""
    user_connections_max: int = 0
    """WebSockets of one user to one edge process; 0: as many as they like."""
    user_requests_per_s: int = 50
    """HTTP requests a second with one user's token, after a burst of five seconds' worth; 0: as many as they like. API
    keys have no such limit."""
    frames_per_s: int = 50
    """Frames a second of one connection, not counting `send`, after a burst of five seconds' worth; 0: no limit."""
    request_ms: int = 10_000
    """How long an HTTP request, or the silence before it, may take to come; then its connection is closed."""
    trusted_proxies: str | None = None
    """Addresses or networks of proxies, with commas, whose `X-Forwarded-For` is believed."""
    allowed_origins: str | None = None
    """Origins of pages, with commas, that may open WebSockets and call the HTTP API, besides our own; none named: every
    page may open WebSockets, and none but ours may call the API."""
    frame_bytes_max: int = 65_536
    """Largest incoming frame; beyond it 1009."""
    viewer_buffer_bytes_max: int = 65_536
    """Unsent bytes of one viewer before frames are skipped and a snapshot follows."""
    room_events_per_s: int = 500
    """Events a second of a room that its viewers are shown one by one, after a burst of four seconds' worth; beyond it
    they get snapshots: totals and combos, without animations. Creators get every event."""
    send_burst: int = 20
    """Sends that one sender may make at once."""
    send_rate_per_s: int = 10
    """Sends a second that one sender may sustain. A known id doesn't count."""
    room_sends_per_s: int = 0
    """Sends a second that one room takes from all senders of one edge process, after a burst of as many; 0: no limit.
    A known id doesn't count."""
    gift_count_max: int = 9_999
    """Largest count of one send."""
    environment: str = "development"
    """`development` or `production`, where a demo refuses to start."""
    identity: str = "own"
    """Who judges tokens: `own` (this deployment mints them), `jwt` (your platform does), or a plug-in's name. The
    deployment's own tokens are good in any case."""
    jwt_secret: str | None = None
    """Secret shared with the platform that mints the tokens, at least 32 characters; or `jwt_keys`."""
    jwt_secret_file: Path | None = None
    """File that holds `jwt_secret`; spaces and line ends around it don't count. Read at the start."""
    jwt_keys: str | None = None
    """URL or file of the platform's public keys (JWKS); or `jwt_secret`."""
    jwt_issuer: str | None = None
    """What a token's `iss` must be."""
    jwt_audience: str | None = None
    """What a token's `aud` must be or hold."""
    jwt_algorithms: str | None = None
    """Algorithms that are good, with commas: HS256 with a secret, RS256 with keys, unless others are named."""
    jwt_claims: str | None = None
    """Where the platform's tokens say what, where it is not `user=sub,name=name,role=role,rooms=rooms,adult=adult`."""
    jwt_roles: str | None = None
    """The platform's roles as ours, `streamer=creator,mod=moderator`; the first that a token holds counts."""
    jwt_default_role: str = "viewer"
    """The role of a token that names none of ours."""
    jwt_leeway_ms: int = 30_000
    """How far the platform's clock may be from ours."""
    jwt_believed_s_max: int = 900
    """How long after its `iat` a token is believed at most, whatever its `exp`; a connection then needs a new one."""
    oidc_issuer: str | None = None
    """The OpenID provider that signs creators in to the studio, as its tokens name it; docs/identity.md."""
    oidc_client_id: str | None = None
    """What the provider calls this server."""
    oidc_client_secret_file: Path | None = None
    """File that holds the client's secret; none for a public client, which PKCE protects in any case."""
    oidc_claims: str | None = None
    """Where the provider's ID tokens say what, as `jwt_claims`."""
    oidc_roles: str | None = None
    """The provider's roles as ours, as `jwt_roles`."""
    oidc_default_role: str = "creator"
    """The role of somebody whom the provider gives none of ours."""
    oidc_session_s: int = 28_800
    """How long somebody who signed in stays so: a long evening."""
    public_url: str | None = None
    """Where people reach this server, with `base_path` if there is one and without a slash at the end; for OIDC."""
    adults_only: bool = False
    """Only whose token says `adult` may send gifts, and open rooms to receive them."""
    filter: str = "none"
    """What cleans messages, names and titles before others see them: `none`, `words`, or a plug-in's name."""
    filter_words: Path | None = None
    """The file of words that `words` masks, one a line."""
    hooks: Path | None = None
    """The file that describes media servers whose hooks open and close rooms (docs/hooks.md); read at the start."""
    demo: bool = False
    """POST /v1/demo/login and the name picker; never for production."""
    demo_coins: int = 100_000
    """Promotional coins of a demo user."""
    token_ttl_s: int = 900
    """Lifetime of tokens made by `livegift token`."""
    demo_token_ttl_s: int = 43_200
    """Lifetime of demo tokens: an evening, since the name picker can't renew them."""
    checkpoint_interval_s: int = 3_600
    """How often what has been settled is signed, so that anyone can verify it (`livegift verify`); 0: only by hand."""
    log_level: str = "info"
    """debug, info, warning or error; logs are JSON lines on stderr."""

    @property
    def book_path(self) -> Path:
        """The SQLite file."""
        return self.data / "book.sqlite3"

    @property
    def secret_path(self) -> Path:
        """The deployment's secret, 32 bytes in hex, mode 0600."""
        return self.data / "secret.key"

    @property
    def signing_path(self) -> Path:
        """The seed of the key that signs checkpoints, 32 bytes in hex, mode 0600."""
        return self.data / "signing.key"

    def to_json(self) -> str:
        """Return all settings as one JSON object, for a child process; the passwords in its URLs, too."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what ``to_json`` wrote."""
        values = json.loads(text)
        named = ("data", "filter_words", "jwt_secret_file", "hooks", "oidc_client_secret_file")
        paths = {name: Path(values[name]) for name in named if values[name] is not None}
        return cls(**{**values, **paths})
