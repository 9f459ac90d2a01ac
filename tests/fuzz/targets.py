"""What the fuzzer calls with its bytes, and what must hold for all of them. A target that raises has found a bug."""

from collections.abc import Callable, Iterator

import msgspec
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Frame
from websockets.protocol import OPEN, SERVER, Protocol

from livegift.edge.framing import whole_frames
from livegift.wire.codec import CODECS, JSON, MSGPACK, Codec, Unreadable
from livegift.wire.codes import REFUSALS
from livegift.wire.messages import INT_MAX, AnyCommand, Connect, Error, Refresh
from livegift.wire.session import (
    ABUSE_FRAMES,
    ABUSE_MS,
    Authenticate,
    Close,
    Effect,
    Perform,
    Reply,
    Session,
)

FRAME_BYTES_MAX = 65_536
STATES = ("new", "connecting", "connected", "stale", "ended")


def codec(data: bytes) -> None:
    """Any bytes are, in each codec, one command that survives both codecs, or a refusal that both can carry."""
    for one in CODECS.values():
        found = one.decode_command(data)
        if isinstance(found, Unreadable):
            assert found.code in REFUSALS, found.code
            assert found.id is None or 0 <= found.id <= INT_MAX, found.id
            [effect] = Session().receive(found, now_ms=0)
            assert isinstance(effect, Reply)
            _carried(effect)
        else:
            for other, encode in ((JSON, msgspec.json.encode), (MSGPACK, msgspec.msgpack.encode)):
                assert other.decode_command(encode(found)) == found


def session(data: bytes) -> None:
    """Any conversation goes on in known states, every frame has one answer, and only abuse ends it."""
    talk, now_ms, unreadable, since_ms = Session(), 1, 0, 0
    waiting: AnyCommand | None = None
    for kind, body in _steps(data):
        spoke = CODECS[JSON.subprotocol] if kind & 1 else MSGPACK
        match kind >> 1 & 7:
            case 0 if waiting is not None:
                waiting = None
                talk.authenticated()
            case 1 if isinstance(waiting, Connect):
                effects = talk.refused(waiting, "bad_token")
                assert isinstance(effects[-1], Close)
                _carried(effects[0])
                return
            case 2:
                was = talk.state
                effects = talk.token_ended()
                assert bool(effects) == (was == "connected")
            case 3:
                now_ms += int.from_bytes(body[:2], "big")
            case _:
                found = spoke.decode_command(body)
                if isinstance(found, Unreadable):
                    unreadable, since_ms = (0, now_ms) if now_ms - since_ms > ABUSE_MS else (unreadable, since_ms)
                    unreadable += 1
                was = talk.state
                effects = talk.receive(found, now_ms=now_ms)
                _answered(was, found, effects)
                assert (len(effects) == 2) == (isinstance(found, Unreadable) and unreadable >= ABUSE_FRAMES)
                if len(effects) == 2:
                    assert effects[1] == Close(4400, "too many unreadable frames")
                    return
                if isinstance(effects[0], Authenticate):
                    waiting = effects[0].command
                if isinstance(effects[0], Perform):
                    refusal = talk.refusal_of(effects[0].command)
                    may = talk.state == "connected" or (talk.state == "stale" and isinstance(found, Refresh))
                    assert (refusal is None) == may, (talk.state, refusal)
        assert talk.state in STATES, talk.state


def framing(data: bytes) -> None:
    """However a stream is cut, whole frames alone reach a parser, and it reads what one parser reads of all of it.

    As ``edge/connection.py`` does it: a new parser wherever none is in the middle of a message.
    """
    if len(data) < 2:
        return
    cut, stream = 1 + data[0], data[1:]
    assert _in_pieces(stream, cut) == _at_once(stream)


TARGETS: dict[str, Callable[[bytes], None]] = {"codec": codec, "session": session, "framing": framing}


def _carried(effect: Effect) -> None:
    """The answer of this effect can be written in both codecs, and says what it is."""
    assert isinstance(effect, Reply)
    assert isinstance(effect.message, Error)
    for one in CODECS.values():
        read = _decode(one, one.encode(effect.message))
        assert read["type"] == "error"
        assert read["error"]["code"] in REFUSALS


def _decode(one: Codec, frame: bytes) -> dict[str, dict[str, object]]:
    decode = msgspec.json.decode if one.is_text else msgspec.msgpack.decode
    return dict(decode(frame))


def _answered(was: str, found: AnyCommand | Unreadable, effects: list[Effect]) -> None:
    """The table at the head of ``wire/session.py``."""
    first = effects[0]
    if isinstance(found, Unreadable):
        _carried(first)
    elif isinstance(found, Connect):
        assert isinstance(first, Authenticate) if was == "new" else isinstance(first, Reply)
    elif was == "new":
        assert isinstance(first, Reply)
        assert isinstance(first.message, Error)
        assert first.message.error.code == "not_connected"
    else:
        assert first == Perform(found)


def _steps(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Split bytes into steps: a kind, a length of two bytes, and so many bytes."""
    at = 0
    while at + 3 <= len(data):
        kind, size = data[at], int.from_bytes(data[at + 1 : at + 3], "big") & 0x3FF
        yield kind, data[at + 3 : at + 3 + size]
        at += 3 + size


def _at_once(stream: bytes) -> list[tuple[int, bool, bytes]]:
    parser = Protocol(SERVER, state=OPEN, max_size=FRAME_BYTES_MAX)
    parser.receive_data(stream)
    return _frames(parser)


def _in_pieces(stream: bytes, cut: int) -> list[tuple[int, bool, bytes]]:
    parser: Protocol | None = None
    tail, found = bytearray(), list[tuple[int, bool, bytes]]()
    for at in range(0, len(stream), cut):
        tail += stream[at : at + cut]
        start = 0
        while (end := whole_frames(tail, payload_bytes_max=FRAME_BYTES_MAX, start=start)) > start:
            parser = parser or Protocol(SERVER, state=OPEN, max_size=FRAME_BYTES_MAX)
            parser.receive_data(bytes(tail[start:end]))
            found += _frames(parser)
            start = end
            if parser.state is not OPEN:
                return found
            if parser.current_size is None:
                parser = None
        tail = tail[start:]
    return found


def _frames(parser: Protocol) -> list[tuple[int, bool, bytes]]:
    found = []
    for event in parser.events_received():
        assert isinstance(event, Frame)
        found.append((int(event.opcode), event.fin, bytes(event.data)))
    # What it did not expect of a peer is a bug of ours or of websockets'; the rest are its words for the peer's own.
    assert isinstance(parser.parser_exc, EOFError | ProtocolError | PayloadTooBig | UnicodeDecodeError | None), (
        parser.parser_exc
    )
    return found
