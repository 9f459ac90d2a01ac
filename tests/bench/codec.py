"""What a room's frame weighs and costs in each codec: bytes, as they are and deflated; time to write and read."""

import timeit
import zlib
from collections.abc import Callable
from typing import Any

import msgspec

from livegift.hub.frames import room_frame
from livegift.wire.codec import CODECS, JSON
from livegift.wire.messages import ComboInfo, GiftEvent, GiftInfo, RoomFrame, Sender, Totals, User

REPEATS = 7


async def run(*, events: int) -> dict[str, Any]:
    """Return the figures of a frame with that many gifts, all of them different."""
    frame = room_frame(
        "r1", "5", [_gift(number) for number in range(1, events + 1)], Totals(events, events, 9), "viewer"
    )
    readers: dict[str, Callable[[bytes], RoomFrame]] = {
        name: (msgspec.json if codec is JSON else msgspec.msgpack).Decoder(RoomFrame).decode
        for name, codec in CODECS.items()
    }
    return {"events": events} | {
        name: {
            "bytes": len(data := codec.encode(frame)),
            "deflated_bytes": len(zlib.compress(data)),
            "encode_us": _best_us(codec.encode, frame),
            "decode_us": _best_us(readers[name], data),
        }
        for name, codec in CODECS.items()
    }


def _best_us(call: Callable[[Any], Any], value: Any) -> float:
    """The quickest of a few rounds: what others do on the machine only ever adds."""
    timer = timeit.Timer(lambda: call(value))
    rounds, _ = timer.autorange()
    return round(min(timer.repeat(REPEATS, rounds)) / rounds * 1e6, 2)


def _gift(offset: int) -> GiftEvent:
    sender = Sender(f"019ab3{offset:06x}-7c41-7d3e-b1a2-5f0c9d", f"Viewer {offset}", False, 1_000 + offset)
    return GiftEvent(
        offset=offset,
        event_id=f"k7f3.{offset}",
        ts_ms=1_800_000_000_000 + offset,
        sender=sender,
        receiver=User("019ab3f0-0000-7d3e-b1a2-5f0c9d12ab34", "Luna"),
        gift=GiftInfo("rose", "Rose", 1, 1),
        count=1,
        coins=1,
        points=1,
        combo=ComboInfo(f"k7f3.{offset}", offset, offset),
        message=None,
        test=False,
    )
