"""Finds the packets of Opus in a growing WebM stream, also one of unknown sizes.

It reads the elements one after the other, without their nesting: a recorder that streams does not
know how long a segment or cluster will be, and so their sizes are not needed. An element that has
no business there means damage. It decodes nothing. Of several tracks, the first with Opus is taken.
Sources: RFC 8794 (EBML), RFC 9559 (Matroska).
"""

from collections.abc import Iterator

from tonewatch.call.opus import OPUS_RATE_HZ, Packet
from tonewatch.core.errors import NotAudioError, TruncatedAudioError

EBML_START = b"\x1a\x45\xdf\xa3"
_EBML = 0x1A45DFA3
_TRACK, _SIMPLE_BLOCK, _BLOCK_GROUP = 0xAE, 0xA3, 0xA0
_OPENED = frozenset({0x18538067, 0x1654AE6B, 0x1F43B675})  # segment, tracks, cluster
_READ = frozenset({_EBML, _TRACK, _SIMPLE_BLOCK, _BLOCK_GROUP})
_PASSED = frozenset(
    {
        *(0xEC, 0xBF),  # void, checksum
        *(0x114D9B74, 0x1549A966, 0x1C53BB6B, 0x1254C367, 0x1043A770, 0x1941A469),  # of a segment
        *(0xE7, 0xAB, 0xA7, 0x5854),  # of a cluster: time, previous size, position, silent tracks
    }
)
_NUMBER, _CODEC, _PRIVATE = 0xD7, 0x86, 0x63A2  # of a track
_BLOCK, _DISCARD = 0xA1, 0x75A2  # of a block group
_MAX_READ, _MAX_PASSED = 1 << 20, 1 << 24
_MAX_NAMED = 8  # other tracks, for the message
_LACING = 6


class WebmPackets:
    """Takes bytes, gives packets; `head` is known before the first of them."""

    def __init__(self) -> None:
        self.head: bytes | None = None
        self._buffer = bytearray()
        self._to_pass = 0
        self._begun = False
        self._track: int | None = None
        self._others: list[str] = []

    def push(self, data: bytes) -> Iterator[Packet]:
        """Take further bytes; give the packets they completed.

        Raises:
            NotAudioError: there is no Opus in it, or a second recording begins.
            TruncatedAudioError: it is damaged from here on.
        """
        self._buffer += data
        at = 0
        try:
            while True:
                passed = min(self._to_pass, len(self._buffer) - at)
                at += passed
                self._to_pass -= passed
                header = None if self._to_pass else _header(self._buffer, at)
                if header is None:
                    return
                element, _, start = header
                if element in _OPENED:
                    at = start
                    continue
                size = _bounded(element, header[1])
                if element in _PASSED:
                    at, self._to_pass = start, size
                elif len(self._buffer) < start + size:
                    return
                else:
                    at = start + size
                    yield from self._read(element, bytes(self._buffer[start:at]))
        finally:
            del self._buffer[:at]

    def _read(self, element: int, payload: bytes) -> Iterator[Packet]:
        if element == _EBML:
            if self._begun:
                raise NotAudioError(
                    "WebM: expected one recording, a second one began. Open a new stream for it."
                )
            self._begun = True
        elif element == _TRACK:
            self._add_track(dict(_children(payload)))
        elif element == _SIMPLE_BLOCK:
            yield from self._block(payload, b"")
        else:
            group = dict(_children(payload))
            yield from self._block(group.get(_BLOCK, b""), group.get(_DISCARD, b""))

    def _add_track(self, track: dict[int, bytes]) -> None:
        codec = track.get(_CODEC, b"").rstrip(b"\0").decode("ascii", "replace")
        if codec == "A_OPUS" and self._track is None:
            self._track = int.from_bytes(track.get(_NUMBER, b""))
            self.head = track.get(_PRIVATE, b"")
        elif len(self._others) < _MAX_NAMED:
            self._others.append(codec[:32])

    def _block(self, block: bytes, discard_ns: bytes) -> Iterator[Packet]:
        if self._track is None:
            raise NotAudioError(
                f"WebM: expected a track of Opus, came {', '.join(self._others) or 'none'}. Record "
                "it as audio/webm;codecs=opus."
            )
        number = _vint(block, 0, keep_marker=False)
        if number is None or len(block) < number[1] + 3:
            raise _damaged("a block with its track and time", f"{len(block)} bytes")
        track, start = number
        if track != self._track:
            return
        if block[start + 2] & _LACING:
            raise NotAudioError(
                "WebM: expected one packet a block, came several. Record it without lacing."
            )
        padding_ns = int.from_bytes(discard_ns, signed=True)
        yield Packet(block[start + 3 :], max(0, round(padding_ns * OPUS_RATE_HZ / 1e9)))


def _children(payload: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(payload):
        header = _header(payload, at)
        element, size, start = header or (0, None, 0)
        if size is None or start + size > len(payload):
            raise _damaged("elements that end with the one around them", "a longer one")
        at = start + size
        yield element, payload[start:at]


def _header(data: bytes | bytearray, at: int) -> tuple[int, int | None, int] | None:
    """The element at `at`: its name, its size (None if unknown), where its content starts."""
    name = _vint(data, at, keep_marker=True)
    size = name and _vint(data, name[1], keep_marker=False)
    if not name or not size:
        return None
    unknown = size[0] == (1 << 7 * (size[1] - name[1])) - 1
    return name[0], None if unknown else size[0], size[1]


def _vint(data: bytes | bytearray, at: int, *, keep_marker: bool) -> tuple[int, int] | None:
    """The number at `at` and where it ends, None if it is not all there; RFC 8794, section 4."""
    if at >= len(data):
        return None
    length = 9 - data[at].bit_length()
    if length > (4 if keep_marker else 8):
        raise _damaged("an element", f"the byte {data[at]:#04x}")
    if len(data) < at + length:
        return None
    value = int.from_bytes(data[at : at + length])
    return value if keep_marker else value & ((1 << 7 * length) - 1), at + length


def _bounded(element: int, size: int | None) -> int:
    if element not in _READ | _PASSED:
        raise _damaged("an element of a segment or a cluster", f"{element:#x}")
    most = _MAX_READ if element in _READ else _MAX_PASSED
    if size is None or size > most:
        came = "an unknown size" if size is None else str(size)
        raise _damaged(f"at most {most} bytes in the element {element:#x}", came)
    return size


def _damaged(expected: str, came: str) -> TruncatedAudioError:
    return TruncatedAudioError(
        f"WebM: expected {expected}, came {came}. The stream is damaged: begin a new one."
    )
