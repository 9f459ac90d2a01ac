"""The engine of a world: a real Valkey, whose clock, losses and owners are ours to decide.

``TIME`` stands still within a MULTI, scripts included. So every call that asks the clock is wrapped in one whose first
command sets each partition's ``clock_offset_ms`` such that TIME + offset is the world's time: to the millisecond, or a
seed would not replay. Room scripts use TIME for epochs only, where nothing but the order matters.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from redis.connection import UnixDomainSocketConnection

import livegift

Command = Sequence[Any]
Snapshot = dict[bytes, bytes]

_SET_CLOCK = """
local time = redis.call('TIME')
local offset = tonumber(ARGV[1]) - (time[1] * 1000 + math.floor(time[2] / 1000))
for _, meta in ipairs(KEYS) do
  if redis.call('EXISTS', meta) == 1 then redis.call('HSET', meta, 'clock_offset_ms', string.format('%.0f', offset)) end
end
"""
_ASKS_CLOCK = {"gift", "load", "apply", "evict"}
_PUBLISHES = {"trim", "announce", "end_combos", "close_room", "PUBLISH"}

SCRIPTS = {
    hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest(): path.stem
    for path in sorted(Path(livegift.__file__).parent.glob("*/lua/*.lua"))
}
"""Script names by their hash, as the package under test has them."""


def name_of(command: Command) -> str:
    """Return the script that a command calls, else the command's own word."""
    word = str(command[0])
    if word == "EVALSHA":
        return SCRIPTS.get(str(command[1]), word)
    if word == "EVAL":
        return SCRIPTS.get(hashlib.sha1(str(command[1]).encode(), usedforsecurity=False).hexdigest(), word)
    return word


def slot_of(key: bytes) -> str:
    """Return the hash tag of a key."""
    found = re.search(rb"\{(.*?)\}", key)
    return found[1].decode() if found else ""


class Engine:
    """One Valkey for one world after the other; ``begin`` empties it."""

    def __init__(self, socket_path: str) -> None:
        self._line = UnixDomainSocketConnection(path=socket_path, socket_timeout=20, protocol=2)
        self._ears = UnixDomainSocketConnection(path=socket_path, socket_timeout=20, protocol=2)
        self._line.connect()
        self._ears.connect()
        self._ears.send_command("PSUBSCRIBE", "*")
        self._ears.read_response()
        self._one("CONFIG", "SET", "appendonly", "no")
        self._clock_sha = self._one("SCRIPT", "LOAD", _SET_CLOCK).decode()
        self._metas: list[str] = []
        self.now_ms: Callable[[], int] = lambda: 0
        self.on_publish: Callable[[str, bytes], None] = lambda channel, data: None
        self.on_change: Callable[[], None] = lambda: None

    def close(self) -> None:
        self._line.disconnect()
        self._ears.disconnect()

    def begin(self, metas: list[str], now_ms: Callable[[], int]) -> None:
        """Empty the engine for a world with these partitions' metas and that clock."""
        self._metas = metas
        self.now_ms = now_ms
        self._one("FLUSHALL")
        self.forget_scripts()  # or the first world on an engine would differ from the others

    # --- what the processes call ---

    def execute(self, commands: Sequence[Command]) -> list[Any]:
        """Run the commands at once and return their replies; an error stands in its reply's place."""
        names = {name_of(command) for command in commands}
        wrapped: list[Command] = list(commands)
        if names & _ASKS_CLOCK:
            wrapped.insert(0, ("EVALSHA", self._clock_sha, len(self._metas), *self._metas, self.now_ms()))
        if len(wrapped) == 1:
            replies = self.many(wrapped)
        else:
            *_, replies = self.many([("MULTI",), *wrapped, ("EXEC",)])
            if isinstance(replies, Exception):
                raise replies
            replies = replies[len(wrapped) - len(commands) :]
        hidden = [self._hide_clock(command, reply) for command, reply in zip(commands, replies, strict=True)]
        if names & _PUBLISHES:
            self._hear()
        self.on_change()
        return hidden

    def _hide_clock(self, command: Command, reply: Any) -> Any:
        # To its clients this engine has a right clock and no offset.
        if command[0] == "TIME":
            return [str(self.now_ms() // 1_000).encode(), str(self.now_ms() % 1_000 * 1_000).encode()]
        if command[0] == "HMGET" and "clock_offset_ms" in command:
            reply[command.index("clock_offset_ms") - 2] = b"0"
        if command[0] == "SCAN":
            return [reply[0], sorted(reply[1])]
        return reply

    def _hear(self) -> None:
        self._ears.send_command("PING")
        while True:
            message = self._ears.read_response()
            if message[0] == b"pong":
                return
            _, _, channel, data = message
            self.on_publish(channel.decode(), data)

    # --- what only the world may do ---

    def many(self, commands: Iterable[Command]) -> list[Any]:
        """Send all, then read all; errors stand in their replies' places."""
        commands = list(commands)
        if not commands:
            return []
        self._line.send_packed_command(self._line.pack_commands(commands))
        replies: list[Any] = []
        for _ in commands:
            try:
                replies.append(self._line.read_response())
            except Exception as error:
                replies.append(error)
        return replies

    def _one(self, *command: Any) -> Any:
        (reply,) = self.many([command])
        if isinstance(reply, Exception):
            raise reply
        return reply

    def ask(self, *command: Any) -> Any:
        """Run one command outside the simulated network: the checker's and the world's own reads."""
        return self._one(*command)

    def key_names(self) -> list[bytes]:
        return sorted(self._one("KEYS", "*"))

    def snapshot(self) -> Snapshot:
        """Return all keys as they are now: a prefix of what will have happened."""
        names = self.key_names()
        return dict(zip(names, self.many([("DUMP", name) for name in names]), strict=True))

    def roll_back(self, snapshot: Snapshot, slots: set[str]) -> None:
        """Put the keys of these slots back to where they stood."""
        gone = [key for key in self.key_names() if slot_of(key) in slots]
        back = [("RESTORE", key, 0, dump) for key, dump in snapshot.items() if slot_of(key) in slots]
        for reply in self.many([("UNLINK", key) for key in gone] + back):
            if isinstance(reply, Exception):
                raise reply
        self._next_millisecond()

    def empty(self) -> None:
        self._one("FLUSHALL")
        self._next_millisecond()

    def forget_scripts(self) -> None:
        """Lose the script cache, as a restart does."""
        self._one("SCRIPT", "FLUSH")
        self._one("SCRIPT", "LOAD", _SET_CLOCK)

    def change_owner(self) -> None:
        """Become another ``master_replid``, as every restart, promotion and fail-back does."""
        self._one("REPLICAOF", "127.0.0.1", "1")
        self._one("REPLICAOF", "NO", "ONE")

    def age(self, elapsed_ms: int) -> None:
        """Let keys with a time to live feel a step of the clock. livegift sets none; a careless change might."""
        names = self.key_names()
        for name, left in zip(names, self.many([("PTTL", name) for name in names]), strict=True):
            if left >= 0:
                self._one("PEXPIRE", name, left - elapsed_ms)

    @staticmethod
    def _next_millisecond() -> None:
        # A room made anew takes TIME as its epoch: two of them in one real millisecond would be one, which no world
        # outside this one can bring about.
        time.sleep(0.0012)
