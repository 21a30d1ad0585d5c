"""Finds the packets of Opus in a growing Ogg stream.

It decodes nothing and checks no checksum, as what carries the bytes has one. Of several streams in
one, the first with Opus is taken. Sources: RFC 3533 (pages), RFC 7845 (Opus in Ogg).
"""

import struct
from collections.abc import Iterator

from tonewatch.call.opus import Packet, duration
from tonewatch.core.errors import NotAudioError, TruncatedAudioError

_PAGE = struct.Struct("<4sBBqIIIB")
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_MAX_PACKET_BYTES = 1 << 20  # the tags, the second packet, may hold a picture


class OggPackets:
    """Takes bytes, gives packets; `head` is known before the first of them."""

    def __init__(self) -> None:
        self.head: bytes | None = None
        self._buffer = bytearray()
        self._serial: int | None = None
        self._tags_passed = False
        self._part = b""  # of a packet that goes on in the next page
        self._position = 0  # of the last page's end, with the pre-skip, at 48 kHz

    def push(self, data: bytes) -> Iterator[Packet]:
        """Take further bytes; give the packets they completed.

        Raises:
            NotAudioError: there is no Opus in it, or a second recording begins.
            TruncatedAudioError: it is damaged from here on.
        """
        self._buffer += data
        at = 0
        try:
            while (page := self._page(at)) is not None:
                flags, position, serial, sizes, start = page
                at = start + sum(sizes)
                yield from self._packets(
                    flags, position, serial, sizes, bytes(self._buffer[start:at])
                )
        finally:
            del self._buffer[:at]

    def _page(self, at: int) -> tuple[int, int, int, bytes, int] | None:
        """The page at `at`, if all of it is there: flags, position, serial, sizes, payload."""
        start = bytes(self._buffer[at : at + 5])
        if not b"OggS\0".startswith(start):
            raise TruncatedAudioError(
                f"Ogg: expected a page, came bytes that begin with {start!r}. The stream is "
                "damaged: begin a new one."
            )
        if len(self._buffer) - at < _PAGE.size:
            return None
        _, _, flags, position, serial, _, _, count = _PAGE.unpack_from(self._buffer, at)
        payload = at + _PAGE.size + count
        sizes = bytes(self._buffer[at + _PAGE.size : payload])
        if len(sizes) < count or len(self._buffer) < payload + sum(sizes):
            return None
        return flags, position, serial, sizes, payload

    def _packets(
        self, flags: int, position: int, serial: int, sizes: bytes, payload: bytes
    ) -> Iterator[Packet]:
        if flags & _FIRST:
            if payload.startswith(b"OpusHead"):
                if self._serial is not None:
                    raise NotAudioError(
                        "Ogg: expected one recording, a second one began. Open a new stream for it."
                    )
                self._serial, self.head = serial, payload
            return
        if self._serial is None:
            raise NotAudioError(
                "Ogg: expected Opus, no track of it was announced. Record it as Opus."
            )
        if serial != self._serial:
            return
        whole = self._whole(flags, sizes, payload)
        if whole and not self._tags_passed:
            whole, self._tags_passed = whole[1:], True
        if not whole:
            return
        lengths = [duration(packet) for packet in whole]
        discard = 0
        if flags & _LAST and position >= 0:  # the padding at the end: RFC 7845 section 4.4
            discard = min(lengths[-1], max(0, self._position + sum(lengths) - position))
        self._position = position if position >= 0 else self._position + sum(lengths)
        for packet in whole[:-1]:
            yield Packet(packet)
        yield Packet(whole[-1], discard)

    def _whole(self, flags: int, sizes: bytes, payload: bytes) -> list[bytes]:
        """The packets that end in this page; what goes on in the next one is kept."""
        packets = []
        part, start, end = self._part if flags & _CONTINUED else b"", 0, 0
        for size in sizes:
            end += size
            if size < 255:
                packets.append(part + payload[start:end])
                part, start = b"", end
        self._part = part + payload[start:]
        if len(self._part) > _MAX_PACKET_BYTES:
            raise TruncatedAudioError(
                f"Ogg: expected packets of at most {_MAX_PACKET_BYTES} bytes, came a longer one. "
                "The stream is damaged: begin a new one."
            )
        return packets
