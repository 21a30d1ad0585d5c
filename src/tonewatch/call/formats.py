"""From the bytes of a live stream to 16 kHz samples, the same whatever the chunks.

What a frame or packet still lacks is kept for the next push. It does not know who sent the bytes or
who is on which channel. Samples of several channels are interleaved.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tonewatch.audio import g711
from tonewatch.audio.containers import check_rate_and_channels
from tonewatch.audio.resample import StreamResampler
from tonewatch.call.opus import OPUS_RATE_HZ, OpusStream
from tonewatch.core.errors import AudioError, SettingsError
from tonewatch.core.signal import RATE_HZ

MAX_PUSH_S = 600.0
"""Most audio of one push, over all channels: a few bytes of Opus may be a second of silence."""


class Encoding(StrEnum):
    """How samples are written."""

    PCM_S16LE = "pcm_s16le"
    MULAW = "mulaw"
    ALAW = "alaw"
    OPUS = "opus"
    """In WebM or Ogg, told by the first bytes."""


class StreamDecoder:
    """Decodes one stream.

    What was heard before damage is given first; the error comes with the next call. After an error,
    every push gives it again.

    Args:
        encoding: how samples are written.
        rate_hz: the stream's rate; Opus has its own, and this is not looked at.
        channels: how many there are; for Opus, 1 also takes more and mixes them.
        max_push_s: most audio of one push, over all channels.

    Raises:
        AbsurdHeaderError, NoChannelsError: a rate or number of channels that no recording has.
    """

    def __init__(
        self, encoding: Encoding, rate_hz: int, channels: int, *, max_push_s: float = MAX_PUSH_S
    ) -> None:
        check_rate_and_channels(rate_hz, channels, "live stream")
        self._channels = channels
        self._max_push_s = max_push_s
        self._source: _Source
        if encoding == Encoding.OPUS:
            rate_hz = OPUS_RATE_HZ
            self._source = OpusStream(channels)
        else:
            self._source = _Interleaved(Encoding(encoding), channels)
        self._rate_hz = rate_hz
        self._resamplers = self._new_resamplers()
        self._n_frames = self._n_samples = 0  # so far, of the stream and at 16 kHz
        self._failure: AudioError | None = None
        self._finished = False

    @property
    def mixed_down(self) -> bool:
        """Whether the stream has more channels than were said, and they are mixed into one."""
        came = self._source.came_channels
        return came is not None and came != self._channels

    def push(self, data: bytes) -> list[NDArray[np.float32]]:
        """Take further bytes; return the samples they completed, each [n, channels], 16 kHz.

        Raises:
            NotAudioError: Opus was said, and it is none.
            TruncatedAudioError: the stream is damaged.
            ChannelError: an Opus stream has not the channels that were said.
            AudioError: too much in one push.
            SettingsError: it is finished.
        """
        if self._finished:
            raise SettingsError(
                "expected no bytes after finish(), came some; make a new StreamDecoder"
            )
        self._check()
        heard: list[NDArray[np.float32]] = []
        n_left = self._max_push_s * self._rate_hz
        try:
            for block in self._source.push(data):
                n_left -= block.size
                if n_left < 0:
                    raise AudioError(
                        f"live stream: expected at most {self._max_push_s:g} s of audio at "
                        "once, came more. Send it as it is recorded; upload a recording instead."
                    )
                heard.append(self._resampled(block))
        except AudioError as error:
            self._failure = error
            if not heard:
                raise
        return _joined(heard)

    def gap(self, n_frames: int) -> tuple[list[NDArray[np.float32]], int]:
        """Take note that so many frames of samples will never come.

        Returns:
            The samples before them that were still held, and how many are lost, at 16 kHz.

        Raises:
            AudioError: the stream was damaged.
        """
        self._check()
        tail = self._tail()
        self._resamplers = self._new_resamplers()
        self._n_frames += n_frames
        # Of all frames, or the rounding of many gaps would add up.
        n_lost = max(0, round(self._n_frames * RATE_HZ / self._rate_hz) - self._n_samples)
        self._n_samples += n_lost
        return _joined([tail]), n_lost

    def finish(self) -> list[NDArray[np.float32]]:
        """End the stream; return the samples still held. Half a frame or packet is left out.

        Raises:
            AudioError: the stream was damaged.
        """
        self._check()
        if self._finished:
            return []
        self._finished = True
        heard = [self._resampled(block) for block in self._source.finish()]
        return _joined([*heard, self._tail()])

    def _check(self) -> None:
        if self._failure is not None:
            # Without what the last raise added, or it would grow each time.
            raise self._failure.with_traceback(None)

    def _resampled(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        self._n_frames += len(block)
        pushed = [each.push(block[:, k]) for k, each in enumerate(self._resamplers)]
        self._n_samples += len(pushed[0])
        return np.stack(pushed, axis=1)

    def _tail(self) -> NDArray[np.float32]:
        tails = [each.finish() for each in self._resamplers]
        self._n_samples += len(tails[0])
        return np.stack(tails, axis=1)

    def _new_resamplers(self) -> list[StreamResampler]:
        return [StreamResampler(self._rate_hz, RATE_HZ) for _ in range(self._channels)]


class _Source(Protocol):
    came_channels: int | None

    def push(self, data: bytes) -> Iterator[NDArray[np.float32]]: ...

    def finish(self) -> Iterator[NDArray[np.float32]]: ...


class _Interleaved:
    """Samples of a fixed number of bytes, channel after channel."""

    def __init__(self, encoding: Encoding, channels: int) -> None:
        self.came_channels: int | None = None
        self._encoding = encoding
        self._channels = channels
        self._frame_bytes = channels * (2 if encoding is Encoding.PCM_S16LE else 1)
        self._rest = b""

    def push(self, data: bytes) -> Iterator[NDArray[np.float32]]:
        data = self._rest + data
        whole = len(data) - len(data) % self._frame_bytes
        self._rest = data[whole:]
        # By parts, so that too much at once is refused before all of it is decoded.
        part = self._frame_bytes << 16
        for start in range(0, whole, part):
            pcm = self._pcm(data[start : min(start + part, whole)])
            yield pcm.reshape(-1, self._channels).astype(np.float32) * np.float32(1 / 32768)

    def finish(self) -> Iterator[NDArray[np.float32]]:
        return iter(())

    def _pcm(self, data: bytes) -> NDArray[np.int16]:
        if self._encoding is Encoding.PCM_S16LE:
            return np.frombuffer(data, "<i2").astype(np.int16)
        law: g711.Law = "ulaw" if self._encoding is Encoding.MULAW else "alaw"
        return g711.decode(np.frombuffer(data, np.uint8), law)


def _joined(blocks: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """All blocks as one, none if it is empty: soxr may hold all of it back."""
    if not sum(len(block) for block in blocks):
        return []
    return [np.concatenate(blocks)]
