"""Messages between host and container: four bytes of length, big-endian, then that many bytes of JSON."""

import json
import os
import struct

HEADER = struct.Struct(">I")
MAX_FRAME = 256 * 1024 * 1024


class BrokenChannelError(Exception):
    """The other side ended in the middle of a message, or sent what is none."""


def encode(message: dict) -> bytes:
    """A message as bytes; lone surrogates, which a model can emit, survive as JSON escapes."""
    body = json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    if len(body) > MAX_FRAME:
        raise ValueError(f"a message of {len(body)} bytes is over the limit of {MAX_FRAME}")
    return HEADER.pack(len(body)) + body


def _read_exactly(descriptor: int, count: int) -> bytes:
    parts = []
    while count:
        part = os.read(descriptor, min(count, 1 << 20))
        if not part:
            break
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def receive(descriptor: int) -> dict | None:
    """The next message, or None when the other side has closed the channel between two messages."""
    header = _read_exactly(descriptor, HEADER.size)
    if not header:
        return None
    if len(header) < HEADER.size:
        raise BrokenChannelError("the channel ended inside a header")
    (length,) = HEADER.unpack(header)
    if length > MAX_FRAME:
        raise BrokenChannelError(f"a message claims {length} bytes")
    body = _read_exactly(descriptor, length)
    if len(body) < length:
        raise BrokenChannelError("the channel ended inside a message")
    try:
        return json.loads(body)
    except ValueError as error:
        raise BrokenChannelError(f"a message is not JSON: {error}") from error


def send(descriptor: int, message: dict) -> None:
    data = memoryview(encode(message))
    while data:
        data = data[os.write(descriptor, data) :]
