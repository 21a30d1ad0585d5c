"""Live streams as senders make them: bytes of each encoding, and Opus in WebM and Ogg by FFmpeg."""

import io
from collections.abc import Sequence
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from audio.recordings import encode, speech_like
from tonewatch.audio import g711
from tonewatch.call.formats import Encoding


def voices(seconds: float, rate_hz: int, channels: int) -> NDArray[np.float32]:
    """Another voice on each channel, shape [n, channels]."""
    return np.stack([speech_like(seconds, rate_hz, seed) for seed in range(channels)], axis=1)


def interleaved(samples: NDArray[np.float32], encoding: Encoding) -> bytes:
    pcm = (samples * 32767).astype(np.int16)
    if encoding is Encoding.PCM_S16LE:
        return pcm.astype("<i2").tobytes()
    return g711.encode(pcm, "ulaw" if encoding is Encoding.MULAW else "alaw").tobytes()


class Pipe(io.RawIOBase):
    """Takes bytes and cannot go back, as MediaRecorder cannot: FFmpeg then leaves sizes unknown."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.content += data
        return len(data)


def opus(
    samples: NDArray[np.float32],
    rate_hz: int,
    container: str = "webm",
    *,
    pipe: bool = True,
    codec: str = "libopus",
    bit_rate: int = 64_000,
    muxer: dict[str, str] | None = None,
    **encoder: str,
) -> bytes:
    file: Any = Pipe() if pipe else io.BytesIO()
    with av.open(file, "w", format=container, options=muxer or {}) as out:
        encode(out, samples, rate_hz, codec, bit_rate, **encoder)
    return bytes(file.content) if pipe else bytes(file.getvalue())


def by_ffmpeg(data: bytes) -> NDArray[np.float32]:
    """The whole stream, read and decoded by FFmpeg, at 48 kHz, shape [n, channels]."""
    with av.open(io.BytesIO(data), "r") as file:
        return np.concatenate([frame.to_ndarray().T for frame in file.decode(audio=0)])


def unsized(webm: bytes) -> bytes:
    """The same with clusters of unknown size, as Chromium's MediaRecorder writes them."""
    cluster = b"\x1f\x43\xb6\x75"
    parts: list[bytes] = []
    for part in webm.split(cluster):
        if parts:
            length = 9 - part[0].bit_length()
            unknown = (1 << 7 * length + 1) - 1
            part = unknown.to_bytes(length) + part[length:]
        parts.append(part)
    assert len(parts) > 1
    return cluster.join(parts)


def page(position: int, packets: Sequence[bytes]) -> bytes:
    """A page of Ogg."""
    head = b"OggS\0\0" + position.to_bytes(8, "little") + bytes(12)
    return head + bytes([len(packets), *map(len, packets)]) + b"".join(packets)


_HEAD = b"OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00"
SILENT_START = b"OggS\0\x02" + bytes(20) + b"\x01\x13" + _HEAD + page(0, [b"OpusTags"])
"""What an Ogg stream of Opus begins with."""


def silent_page(seconds: float) -> bytes:
    """Up to 15.3 s in packets of one byte, each 60 ms of silence."""
    return page(0, [b"\x18"] * round(seconds / 0.06))
