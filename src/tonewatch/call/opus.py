"""Opus from a growing stream of WebM or Ogg bytes, as a browser's MediaRecorder sends it.

A push parser: it holds one unfinished packet or page, and needs no thread, file or pipe. FFmpeg's
decoder (by PyAV) gets one checked packet after the other, never a container. It does not resample,
and does not look at timestamps: what a recorder left out is not there. Sources: RFC 6716 (packets),
RFC 7845 (header, pre-skip).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tonewatch.core.errors import ChannelError, NotAudioError, TruncatedAudioError

OPUS_RATE_HZ = 48_000
"""Whatever its encoder was given, Opus decodes to this."""

_MAX_PACKET = 5760  # 120 ms, RFC 6716 section 3.2.5
_HEADER_BYTES = 19  # RFC 7845 section 5.1


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet of Opus.

    Attributes:
        data: its bytes.
        discard: samples at its end, at 48 kHz, that are padding of the encoder.
    """

    data: bytes
    discard: int = 0


class Packets(Protocol):
    """Finds the packets in a container.

    Attributes:
        head: the Opus header, known before the first packet comes.
    """

    head: bytes | None

    def push(self, data: bytes) -> Iterator[Packet]:
        """Take further bytes; give the packets they completed.

        Raises:
            AudioError: this is not the container, or it is damaged.
        """


class OpusStream:
    """Decodes one stream.

    Args:
        channels: how many the stream is said to have; 1 also takes more and mixes them.

    Attributes:
        came_channels: how many it has, once the header has come.
    """

    def __init__(self, channels: int) -> None:
        self.came_channels: int | None = None
        self._channels = channels
        self._start = b""
        self._packets: Packets | None = None
        self._decoder: Any = None

    def push(self, data: bytes) -> Iterator[NDArray[np.float32]]:
        """Take further bytes; give blocks of samples at 48 kHz, shape [n, channels].

        Raises:
            NotAudioError: neither WebM nor Ogg with Opus in it.
            TruncatedAudioError: it is damaged from here on.
            ChannelError: it has not the channels that were said.
        """
        if self._packets is None:
            data = self._start + data
            if len(data) < 4:
                self._start = data
                return
            self._packets = _container(data[:4])
        for packet in self._packets.push(data):
            if self._decoder is None:
                assert self._packets.head is not None
                self._decoder = self._open(self._packets.head)
            yield from self._decode(packet)

    def finish(self) -> Iterator[NDArray[np.float32]]:
        """Give what FFmpeg's decoder still holds (0.5 ms, when it resamples narrowband speech)."""
        if self._decoder is not None:
            yield from self._samples(self._decoder.decode(None))

    def _open(self, head: bytes) -> Any:
        if len(head) < _HEADER_BYTES or head[:8] != b"OpusHead" or head[8] & 0xF0 or not head[9]:
            raise NotAudioError(
                f"Opus: expected its header of version 0 or 1, came {head[:10]!r}. Send the stream "
                "from its beginning."
            )
        self.came_channels = head[9]
        if self._channels not in (1, self.came_channels):
            raise ChannelError(
                f"Opus: expected {self._channels} channels as was said, the stream has "
                f"{self.came_channels}. Say how many it has, or 1 to have them mixed."
            )
        import av  # 50 ms that other encodings need not pay

        decoder = av.CodecContext.create("opus", "r")
        decoder.extradata = head
        try:
            decoder.open()
        except Exception as error:
            raise NotAudioError(
                f"Opus: expected a header that FFmpeg can use, it says: {error}. Send mono or "
                "stereo."
            ) from error
        return decoder

    def _decode(self, packet: Packet) -> Iterator[NDArray[np.float32]]:
        from av import Packet as AvPacket

        duration(packet.data)  # refuses what is none; an empty packet would end FFmpeg's stream
        try:
            frames = self._decoder.decode(AvPacket(packet.data))
        except Exception as error:
            raise TruncatedAudioError(
                f"Opus: expected a packet that can be decoded, FFmpeg says: {error}. The stream is "
                "damaged: begin a new one."
            ) from error
        yield from self._samples(frames, packet.discard)

    def _samples(self, frames: list[Any], discard: int = 0) -> Iterator[NDArray[np.float32]]:
        for frame in frames:
            samples = np.ascontiguousarray(frame.to_ndarray().T, np.float32)
            samples = samples[: max(0, len(samples) - discard)]
            if samples.shape[1] != self._channels:
                samples = samples.mean(axis=1, keepdims=True, dtype=np.float32)
            if len(samples):
                yield samples


def duration(packet: bytes) -> int:
    """How many samples at 48 kHz a packet has; RFC 6716, sections 3.1 and 3.2.

    Raises:
        TruncatedAudioError: it is no packet of Opus.
    """
    if packet:
        config, code = packet[0] >> 3, packet[0] & 3
        if config < 12:
            each = (480, 960, 1920, 2880)[config & 3]
        elif config < 16:
            each = (480, 960)[config & 1]
        else:
            each = (120, 240, 480, 960)[config & 3]
        count = (1, 2, 2, packet[1] & 63 if len(packet) > 1 else 0)[code]
        if 0 < count * each <= _MAX_PACKET:
            return count * each
    raise TruncatedAudioError(
        f"Opus: expected a packet of up to 120 ms, came {len(packet)} bytes that begin with "
        f"{packet[:2]!r}. The stream is damaged: begin a new one."
    )


def _container(start: bytes) -> Packets:
    from tonewatch.call.ogg import OggPackets
    from tonewatch.call.webm import EBML_START, WebmPackets

    if start == b"OggS":
        return OggPackets()
    if start == EBML_START:
        return WebmPackets()
    raise NotAudioError(
        f"Opus: expected WebM or Ogg, came bytes that begin with {start!r}. Send the stream from "
        "its beginning, or say which encoding it has."
    )
