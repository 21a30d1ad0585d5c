"""From a recording in any format to blocks of mono samples, with bounded memory.

WAV, FLAC, Ogg (Vorbis, Opus), MP3, M4A, MP4 (its first audio track), WebM, AMR and some more are
known by their content; bare G.711, which has no header, by its extension or by `law`. It does not
know what the samples are for, and never repairs silently what an error can name.

Cut recordings: a WAV, FLAC, MP4, AIFF, W64, CAF or AU that ends before its header says is an error,
also in mid-stream. A size of 0 or 0xFFFFFFFF is that of a writer that never came back: all that
follows is heard.
MP3, AMR, AAC, WebM and Ogg are streams without a promised end: what is left of them is heard.
Samples beyond [-1, 1], as float WAV may have, pass as they are; beyond 2**32 they are refused.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from tonewatch.audio.containers import (
    Container,
    check_promise,
    check_rate_and_channels,
    is_chained_ogg,
    read_wav_header,
    sniff,
)
from tonewatch.audio.g711 import Law
from tonewatch.audio.resample import StreamResampler
from tonewatch.audio.sources import (
    AudioInfo,
    G711Source,
    PyAvSource,
    RefusedError,
    SoundfileSource,
    Source,
)
from tonewatch.core.errors import (
    AudioNotFoundError,
    BadSamplesError,
    ChannelError,
    EmptyAudioError,
    NotAudioError,
    SettingsError,
    TruncatedAudioError,
)
from tonewatch.core.signal import RATE_HZ, Samples

G711_EXTENSIONS: dict[str, Law] = {
    ".ulaw": "ulaw",
    ".ul": "ulaw",
    ".pcmu": "ulaw",
    ".alaw": "alaw",
    ".al": "alaw",
    ".pcma": "alaw",
}
"""Extensions of bare G.711 at 8 kHz; a file with a header of a known format is that instead."""

_LOUDEST = 2.0**32  # squares of more would overflow float32; 32-bit integers as floats still pass
_SOUNDFILE: frozenset[Container] = frozenset({"wav", "w64", "flac", "ogg", "aiff", "au", "caf"})
_PCM_SYNC: frozenset[Container] = frozenset({"mp3", "aac"})  # their sync bits are u-law silence too


class AudioFile:
    """A recording, opened: what it is at once, its samples block by block, once.

    Args:
        path: the file.
        channel: None for the mean of all channels, or one of them, counted from 0.
        law: read the file as bare G.711 of this law, whatever its name and content.

    Attributes:
        info: rate, channels, duration and codec.

    Raises:
        AudioNotFoundError: no such file, or it may not be read.
        NotAudioError: a folder, a device, or no audio in a known format.
        EmptyAudioError, TruncatedAudioError, NoChannelsError, AbsurdHeaderError: as named.
        ChannelError: `channel` is not in it.
    """

    def __init__(
        self, path: str | Path, *, channel: int | None = None, law: Law | None = None
    ) -> None:
        self.path = Path(path)
        self._channel = channel
        with ExitStack() as stack:
            file = stack.enter_context(_open(self.path))
            self._source = _source(file, self.path, law)
            stack.callback(self._source.close)
            self.info: AudioInfo = self._source.info
            check_rate_and_channels(self.info.rate_hz, self.info.channels, self.path.name)
            if channel is not None and not 0 <= channel < self.info.channels:
                raise ChannelError(
                    f"{self.path.name}: expected a channel of 0 to {self.info.channels - 1}, got "
                    f"{channel}. Choose one of these, or the mix."
                )
            self._stack = stack.pop_all()

    @property
    def rate_hz(self) -> int:
        """The file's own sampling rate in Hz."""
        return self.info.rate_hz

    def blocks(self, block_s: float = 1.0) -> Iterator[Samples]:
        """Give the samples, mono, shape [n], at the file's own rate.

        Args:
            block_s: length of a block in seconds; the last one is shorter.

        Raises:
            BadSamplesError: samples are NaN, infinite or beyond 2**32.
            EmptyAudioError: there is not one sample.
            TruncatedAudioError: the file is cut or damaged from here on.
            SettingsError: `block_s` is not positive.
        """
        if not 0 < block_s < float("inf"):
            raise SettingsError(f"block_s: expected a number above 0, got {block_s}.")
        heard = 0
        for block in _regroup(self._mono(), max(1, round(block_s * self.rate_hz))):
            heard += block.size
            yield block
        if not heard:
            raise EmptyAudioError(
                f"{self.path.name}: expected audio, found a {self.info.codec} file without one "
                "sample that can be heard. Check the recorder."
            )

    def close(self) -> None:
        """Close the file; no block can be read after it."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _mono(self) -> Iterator[Samples]:
        heard = 0
        for chunk in self._source.chunks():
            # NaN compares as false, so that one comparison finds all three.
            if not (np.abs(chunk) < _LOUDEST).all():
                at_s = (heard + int(np.argmin((np.abs(chunk) < _LOUDEST).all(axis=1)))) / (
                    self.rate_hz
                )
                raise BadSamplesError(
                    f"{self.path.name}: expected finite samples, NaN, infinity or beyond 2**32 "
                    f"came at {at_s:.3f} s. Export the file again."
                )
            heard += len(chunk)
            yield _mix(chunk, self._channel)


def probe(path: str | Path, *, law: Law | None = None) -> AudioInfo:
    """Tell what a recording is, without decoding more than its beginning.

    Raises:
        AudioError: as `AudioFile`.
    """
    with AudioFile(path, law=law) as audio:
        return audio.info


def read_blocks(
    path: str | Path, *, channel: int | None = None, block_s: float = 1.0, law: Law | None = None
) -> Iterator[Samples]:
    """Decode a recording into mono blocks, shape [n], at its own rate (see `AudioFile`).

    Raises:
        AudioError: as `AudioFile` and `AudioFile.blocks`, from the first block on.
    """
    with AudioFile(path, channel=channel, law=law) as audio:
        yield from audio.blocks(block_s)


def stream_16k(
    path: str | Path,
    channel: int | None = None,
    *,
    block_s: float = 1.0,
    rate_hz: int = RATE_HZ,
    law: Law | None = None,
) -> Iterator[Samples]:
    """Decode and resample a recording, block by block, shape [n], at `rate_hz`, 16 kHz by default.

    Blocks are about `block_s` long and never empty; the last one ends with the resampler's tail.

    Raises:
        AudioError: as `AudioFile` and `AudioFile.blocks`, from the first block on.
    """
    with AudioFile(path, channel=channel, law=law) as audio:
        resampler = StreamResampler(audio.rate_hz, rate_hz)
        ready: Samples = np.zeros(0, np.float32)
        for block in audio.blocks(block_s):
            if ready.size:
                yield ready
            ready = resampler.push(block)
        ready = np.concatenate([ready, resampler.finish()])
        if ready.size:
            yield ready


def load(
    path: str | Path,
    *,
    channel: int | None = None,
    rate_hz: int = RATE_HZ,
    law: Law | None = None,
) -> Samples:
    """Decode a whole recording, mono, shape [n], resampled to `rate_hz`.

    Raises:
        AudioError: as `AudioFile` and `AudioFile.blocks`.
    """
    blocks = list(stream_16k(path, channel, rate_hz=rate_hz, law=law))
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def _open(path: Path) -> BinaryIO:
    try:
        # Not blocking, as opening a pipe without a writer would wait for ever.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        if isinstance(error, PermissionError) and os.path.isdir(path):  # Windows opens none
            raise _not_a_file(path, "folder", "Name the recordings in it.") from error
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise AudioNotFoundError(
            f"{path.name or path}: expected a file that can be read, got: {why}. "
            "Check the path and its permissions."
        ) from error
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb", buffering=0)
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise _not_a_file(path, "folder", "Name the recordings in it.")
    raise _not_a_file(path, "device or pipe", "Save it to a file first.")


def _not_a_file(path: Path, kind: str, advice: str) -> NotAudioError:
    return NotAudioError(f"{path.name or path}: expected a recording, got a {kind}. {advice}")


def _source(file: BinaryIO, path: Path, law: Law | None) -> Source:
    """Choose who decodes: by `law`, by content, and only then by extension."""
    what = path.name
    if file.seek(0, 2) == 0:
        raise EmptyAudioError(f"{what}: expected audio, the file has 0 bytes. Check the recorder.")
    container = sniff(file)
    if law is None and (container is None or container in _PCM_SYNC):
        law = G711_EXTENSIONS.get(path.suffix.lower())
    if law is not None:
        return G711Source(file, law)
    unclosed = chained = False
    if container == "wav":
        header = read_wav_header(file, what)
        unclosed = header.data_bytes is None and header.held_bytes > 0
    elif container == "ogg":
        chained = is_chained_ogg(file)
    elif container is not None:
        check_promise(file, container, what)
    by_ffmpeg = unclosed or chained
    try:
        # libsndfile takes an unfilled size of 0 for an empty file and hears the first part of a
        # chain; FFmpeg reads on.
        if not by_ffmpeg and (container is None or container in _SOUNDFILE):
            return SoundfileSource(file, what)
    except RefusedError as error:
        if container is None:
            raise NotAudioError(
                f"{what}: expected a recording (wav, flac, ogg, opus, mp3, m4a, mp4, webm, amr), "
                "found no known audio. If it is bare G.711, name it .ulaw or .alaw."
            ) from error
    assert container is not None
    try:
        return PyAvSource(file, container, what, length_known=not by_ffmpeg)
    except RefusedError as error:
        if container in _PCM_SYNC:
            raise NotAudioError(
                f"{what}: expected a recording, it begins as {container} does but is not ({error})."
            ) from error
        raise TruncatedAudioError(
            f"{what}: expected a whole {container} file, its header is cut, damaged or of an "
            f"unknown kind ({error}). Copy or export the file again."
        ) from error


def _mix(chunk: NDArray[np.float32], channel: int | None) -> Samples:
    if channel is not None:
        return chunk[:, channel]
    if chunk.shape[1] == 1:
        return chunk[:, 0]
    mean: Samples = chunk.mean(axis=1, dtype=np.float32)
    return mean


def _regroup(chunks: Iterable[Samples], size: int) -> Iterator[Samples]:
    """Cut a stream into contiguous blocks of `size` samples and a shorter last one."""
    held: list[Samples] = []
    count = 0
    for chunk in chunks:
        held.append(chunk)
        count += chunk.size
        if count < size:
            continue
        whole = np.concatenate(held)
        for start in range(0, count - size + 1, size):
            yield whole[start : start + size]
        rest = whole[count - count % size :]
        held, count = [rest], rest.size
    if count:
        yield np.concatenate(held)
