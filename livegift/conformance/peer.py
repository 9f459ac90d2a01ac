"""One connection of the SDK under test, as the script sees it: commands that came, messages that go.

It decodes with the server's own codec, so a command is judged as the real server would; what is never right, in
whichever scenario, is noted as ``wrong``. Two commands are nobody's business and answered at once: ``ping`` and
``unsubscribe``.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from livegift.clock import monotonic_ms
from livegift.conformance.room import ScriptedRoom
from livegift.wire.codec import Codec, Unreadable
from livegift.wire.messages import (
    AnyCommand,
    Command,
    Connect,
    Message,
    Ping,
    Pong,
    Subscribe,
    Unsubscribe,
    Unsubscribed,
)

C = TypeVar("C", bound=Command)


class Peer:
    """A connection that the SDK has opened. ``server_ms`` is the time that the script pretends it is."""

    def __init__(self, socket: ServerConnection, codec: Codec, *, server_ms: Callable[[], int]) -> None:
        assert socket.request is not None
        self.path = socket.request.path
        self.socket, self.codec = socket, codec
        self.opened_ms = monotonic_ms()
        self.commands: list[AnyCommand] = []
        self.wrong: str | None = None
        """What the SDK did that is never right."""
        self.room: ScriptedRoom | None = None
        """Answers every further ``subscribe`` with its snapshot, if set."""
        self._server_ms = server_ms
        self._untaken: list[AnyCommand] = []

    def take(self, kind: type[C]) -> C | None:
        """Return the oldest command of that type that nobody has taken yet."""
        for command in self._untaken:
            if isinstance(command, kind):
                self._untaken.remove(command)
                return command
        return None

    def has(self, kind: type[Command]) -> bool:
        """Say whether a command of that type waits to be taken."""
        return any(isinstance(command, kind) for command in self._untaken)

    async def say(self, *messages: Message) -> None:
        """Send messages, one frame each."""
        for message in messages:
            await self._write(self.codec.encode(message))

    async def say_plain(self, message: dict[str, Any]) -> None:
        """Send what no server of today says."""
        await self._write(self.codec.encode(cast(Message, message)))  # the encoder takes any value

    async def say_in_pieces(self, message: Message, pieces: int = 3) -> None:
        """Send one message as fragments, cut anywhere, with a WebSocket ping between them."""
        frame = self.codec.encode(message)
        size = len(frame) // pieces + 1
        protocol = self.socket.protocol
        for start in range(0, len(frame), size):
            piece, is_last = frame[start : start + size], start + size >= len(frame)
            if start > 0:
                protocol.send_ping(b"between")
                protocol.send_continuation(piece, is_last)
            else:
                (protocol.send_text if self.codec.is_text else protocol.send_binary)(piece, is_last)
            self.socket.send_data()

    def cut(self) -> None:
        """Be gone without a word, as a phone in a tunnel."""
        self.socket.transport.abort()

    async def close(self, code: int, reason: str = "") -> None:
        """Close as a server does."""
        await self.socket.close(code, reason)

    async def live(self, on_news: Callable[[], None]) -> None:
        """Read until the end."""
        on_news()
        try:
            async for frame in self.socket:
                await self._receive(frame)
                on_news()
        except ConnectionClosed:
            return

    async def _write(self, frame: bytes) -> None:
        try:
            await self.socket.send(frame, text=self.codec.is_text)
        except ConnectionClosed:
            return  # the SDK left; the scenario waits for something else and says so

    async def _receive(self, frame: str | bytes) -> None:
        if isinstance(frame, str) is not self.codec.is_text:
            self.wrong = f"sent a {'text' if isinstance(frame, str) else 'binary'} frame on {self.codec.subprotocol}"
            return
        command = self.codec.decode_command(frame.encode() if isinstance(frame, str) else frame)
        if isinstance(command, Unreadable):
            self.wrong = f"sent a frame that is no command ({command.code}: {command.detail})"
            return
        self.wrong = self.wrong or self._misplaced(command)
        self.commands.append(command)
        if isinstance(command, Ping):
            await self.say(Pong(id=command.id, server_time_ms=self._server_ms()))
        elif isinstance(command, Unsubscribe):
            await self.say(Unsubscribed(id=command.id, room=command.room))
        elif isinstance(command, Subscribe) and self.room is not None:
            await self.say(self.room.subscribed(command))
        else:
            self._untaken.append(command)

    def _misplaced(self, command: AnyCommand) -> str | None:
        if not self.commands and not isinstance(command, Connect):
            return f"sent {_name(command)} as the first command, expected connect"
        if any(earlier.id == command.id for earlier in self.commands):
            return f"used command id {command.id} for {_name(command)} after another command on the same connection"
        return None


def _name(command: AnyCommand) -> str:
    return str(command.__struct_config__.tag)
