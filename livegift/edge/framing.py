"""Where frames end, so that a connection needs a parser only while a frame is being read (RFC 6455, 5.2).

An empty parser buffer is no frame boundary: the parser may have eaten a header and wait for the payload. So bytes
are counted here, and the parser is given whole frames only. Nothing is judged: what is wrong the parser will say.
"""

HEADER_BYTES_MAX = 14
FRAMES_MAX = 64
"""Frames given to the parser at once: what comes behind one that ends the connection is then not even looked at."""


def whole_frames(
    data: bytes | bytearray, *, payload_bytes_max: int, start: int = 0, frames_max: int = FRAMES_MAX
) -> int:
    """Return where the whole frames of ``data`` end that begin at ``start``, and of them the first ``frames_max``.

    A header that announces more than ``payload_bytes_max`` counts as whole with everything behind it: the parser
    refuses it at once, and nobody waits for (or keeps) a payload that will not be taken.
    """
    end, size = start, len(data)
    for _ in range(frames_max):
        if size - end < 2:
            break
        length = data[end + 1] & 0x7F
        header = 2 + (4 if data[end + 1] & 0x80 else 0)
        if length >= 126:
            extra = 2 if length == 126 else 8
            if size - end < 2 + extra:
                break
            length = int.from_bytes(data[end + 2 : end + 2 + extra], "big")
            header += extra
        if length > payload_bytes_max:
            return size
        if size - end < header + length:
            break
        end += header + length
    return end
