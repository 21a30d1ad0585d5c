"""Where decoded samples come from: soundfile, PyAV, or bare G.711 bytes.

Each source takes an open file and gives float32 chunks of a few ten thousand samples; none of them
mixes, resamples or judges samples. soundfile (libsndfile) reads WAV, FLAC and Ogg; PyAV (FFmpeg)
all else. MP3 goes to PyAV although libsndfile has a decoder for it: read in blocks that one gives
other samples than read whole (libsndfile 1.2.2), and it warns on stderr about files without fault.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from tonewatch.audio import g711
from tonewatch.audio.containers import Container, check_rate_and_channels, id3_bytes
from tonewatch.core.errors import (
    AbsurdHeaderError,
    AudioError,
    EmptyAudioError,
    NoChannelsError,
    NotAudioError,
    TruncatedAudioError,
)

_CHUNK_SAMPLES = 2**16
_G711_RATE_HZ = 8_000
_CODE_ZERO_CHANNELS, _CODE_BAD_RATE, _CODE_CHANNELS = 32, 24, 33  # libsndfile's SFE_ numbers
# These say in their header how long they are; MP3, AAC, AMR and Ogg are streams, made to be cut.
_PROMISING: frozenset[Container] = frozenset({"wav", "w64", "flac", "aiff", "caf", "mov"})
# These say of each packet when it is played; times of the others follow from what came before.
_TIMED: frozenset[Container] = frozenset({"mov", "matroska", "asf"})
_HOLE_S = 0.05  # times of less are jitter: Matroska's are rounded, encoders' delay is 20 to 50 ms
_MAX_HOLES_S = 6 * 3600.0


@dataclass(frozen=True)
class AudioInfo:
    """What a recording is.

    Attributes:
        rate_hz: sampling rate in Hz.
        channels: number of channels.
        duration_s: length in seconds as the header says or the bit rate suggests; None if unknown.
        codec: the codec's name, such as "PCM_16" or "aac".
    """

    rate_hz: int
    channels: int
    duration_s: float | None
    codec: str


class Source(Protocol):
    """An opened recording."""

    info: AudioInfo

    def chunks(self) -> Iterator[NDArray[np.float32]]:
        """Give the samples once, shape [n, channels]."""

    def close(self) -> None:
        """Let go of the decoder, but not of the file, which is the caller's."""


class G711Source:
    """Bytes of G.711, 8 kHz mono, without a header."""

    def __init__(self, file: BinaryIO, law: g711.Law) -> None:
        self._file, self._law = file, law
        duration_s = file.seek(0, 2) / _G711_RATE_HZ
        self.info = AudioInfo(_G711_RATE_HZ, 1, duration_s, law)

    def chunks(self) -> Iterator[NDArray[np.float32]]:
        self._file.seek(0)
        while codes := self._file.read(_CHUNK_SAMPLES):
            pcm = g711.decode(np.frombuffer(codes, np.uint8), self._law)
            yield pcm.astype(np.float32)[:, None] * np.float32(1 / 32768)

    def close(self) -> None:
        pass


class SoundfileSource:
    """A file that libsndfile reads.

    Raises:
        RefusedError: libsndfile does not know the file.
        AudioError: it does, and something in its header is wrong.
    """

    def __init__(self, file: BinaryIO, what: str) -> None:
        file.seek(0)
        try:
            # By descriptor: given a name, soundfile would go by its extension.
            self._sound = soundfile.SoundFile(file.fileno(), closefd=False)
        except Exception as error:
            code = getattr(error, "code", None)
            if code == _CODE_ZERO_CHANNELS:
                raise NoChannelsError(f"{what}: expected channels, its header says 0.") from error
            if code in (_CODE_CHANNELS, _CODE_BAD_RATE):
                raise AbsurdHeaderError(
                    f"{what}: expected a rate and channel count that a recording can have; its "
                    "header has others. It is damaged: export the file again."
                ) from error
            raise RefusedError(_reason(error)) from error
        self._what = what
        sound = self._sound
        known = 0 < sound.frames < 2**60 and sound.samplerate > 0
        # The frames of Ogg are those of its last whole page, so that there is no promise to break.
        self._promised = sound.frames if known and sound.format != "OGG" else 0
        self.info = AudioInfo(
            int(sound.samplerate),
            int(sound.channels),
            sound.frames / sound.samplerate if known else None,
            sound.subtype,
        )

    def chunks(self) -> Iterator[NDArray[np.float32]]:
        frames = max(1, _CHUNK_SAMPLES // self.info.channels)
        heard = 0
        while True:
            try:
                chunk = self._sound.read(frames, dtype="float32", always_2d=True)
            except Exception as error:
                raise _damaged(self._what, heard / self.info.rate_hz, error) from error
            if not len(chunk):
                break
            heard += len(chunk)
            yield chunk
        if heard < self._promised:
            raise _too_short(
                self._what, heard / self.info.rate_hz, self._promised / self.info.rate_hz
            )

    def close(self) -> None:
        self._sound.close()


class PyAvSource:
    """A file that FFmpeg reads with the one reader named, never by its own guess.

    Rate and channels are those of the first decoded frame: headers of AAC may say half the rate.
    Where the timestamps leave a hole (silence not sent, packets lost, audio that starts after the
    video), zeros fill it, so that all that follows is heard at its time. Without `length_known`, no
    length is read in the header, as nobody filled it in.

    Raises:
        RefusedError: FFmpeg cannot make anything of the file.
        NotAudioError: it has no audio track, or one in a codec that FFmpeg does not know.
        EmptyAudioError: its audio track has no samples.
        AudioError: something else is wrong with its beginning.
    """

    def __init__(
        self, file: BinaryIO, container: Container, what: str, *, length_known: bool = True
    ) -> None:
        import av  # 50 ms that a WAV or FLAC file need not pay

        file.seek(0)
        self._what = what
        self._stack = ExitStack()
        try:
            opened: Any = self._stack.enter_context(
                av.open(file, format=container, metadata_errors="ignore")
            )
            stream = next(iter(opened.streams.audio), None)
        except Exception as error:
            self._stack.close()
            raise RefusedError(_reason(error)) from error
        try:
            self._start(opened, stream, container, length_known)
        except AudioError:
            self._stack.close()
            raise

    def _start(self, opened: Any, stream: Any, container: Container, length_known: bool) -> None:
        if stream is None:
            raise NotAudioError(
                f"{self._what}: expected an audio track, found none among "
                f"{len(opened.streams)} tracks."
            )
        if stream.codec_context is None:
            raise NotAudioError(
                f"{self._what}: expected audio in a codec that FFmpeg decodes, its track is in "
                "none. Convert the file to WAV or FLAC."
            )
        self._frames = _frames(opened, stream, may_be_cut=container not in _PROMISING)
        try:
            self._first: Any = next(self._frames, None)
        except Exception as error:
            raise _damaged(self._what, 0.0, error) from error
        if self._first is None:
            raise EmptyAudioError(
                f"{self._what}: expected audio, its {stream.codec_context.name} track has no "
                "sample that can be decoded."
            )
        rate_hz, channels = int(self._first.rate), len(self._first.layout.channels)
        check_rate_and_channels(rate_hz, channels, self._what)
        self._start_s = _start_s(opened, stream, container)
        promise_s = duration_s = None
        if length_known:
            promise_s = float(stream.duration * stream.time_base) if stream.duration else None
            duration_s = opened.duration / 1e6 if opened.duration else None
        if promise_s is not None and container == "mov":  # where a track's length leaves this out
            promise_s += self._hole(0, self._first) / rate_hz
        self.info = AudioInfo(
            rate_hz, channels, promise_s or duration_s, str(stream.codec_context.name)
        )
        self._promised_s = 0.0
        if container in _PROMISING and promise_s is not None:
            # Encoders' delay and padding: up to four frames of 1024 may be cut from the ends.
            self._promised_s = promise_s - max(0.1, 4096 / rate_hz)

    def chunks(self) -> Iterator[NDArray[np.float32]]:
        heard, holes, frame = 0, 0, self._first
        while frame is not None:
            came = (int(frame.rate), len(frame.layout.channels))
            if came != (self.info.rate_hz, self.info.channels):
                raise TruncatedAudioError(
                    f"{self._what}: expected {self.info.rate_hz} Hz and {self.info.channels} "
                    f"channels to the end; after {heard / self.info.rate_hz:.2f} s came {came[0]} "
                    f"Hz and {came[1]}. The file is damaged or spliced: export it again."
                )
            hole = self._hole(heard, frame)
            holes += hole
            if holes > _MAX_HOLES_S * self.info.rate_hz:
                at_s, next_s = heard / self.info.rate_hz, (heard + hole) / self.info.rate_hz
                raise TruncatedAudioError(
                    f"{self._what}: expected at most {_MAX_HOLES_S / 3600:.0f} h without audio; "
                    f"after {at_s:.2f} s the next is due at {next_s:.2f} s. Its timestamps are "
                    "damaged: export the file again."
                )
            heard += hole
            yield from _zeros(hole, self.info.channels)
            chunk = _floats(frame, self._what)
            heard += len(chunk)
            yield chunk
            try:
                frame = next(self._frames, None)
            except Exception as error:
                raise _damaged(self._what, heard / self.info.rate_hz, error) from error
        if heard / self.info.rate_hz < self._promised_s:
            raise _too_short(self._what, heard / self.info.rate_hz, self._promised_s)

    def _hole(self, heard: int, frame: Any) -> int:
        """Samples missing between those `heard` and the beginning of `frame`."""
        if self._start_s is None or frame.pts is None:
            return 0
        due = round((float(frame.pts * frame.time_base) - self._start_s) * frame.rate)
        return due - heard if due - heard > _HOLE_S * frame.rate else 0

    def close(self) -> None:
        self._stack.close()


class RefusedError(Exception):
    """A library does not know the file; another one may. Never leaves this package."""


def _start_s(opened: Any, stream: Any, container: Container) -> float | None:
    """When play begins on the clock of the timestamps, in seconds; None where they tell nothing.

    An MP4 plays from 0, but its fragments may come from the midst of a broadcast (they have no
    table of frames); so may Matroska.
    """
    if container not in _TIMED:
        return None
    if container == "mov" and stream.frames:
        return 0.0
    return max(0.0, (opened.start_time or 0) / 1e6)


def _zeros(count: int, channels: int) -> Iterator[NDArray[np.float32]]:
    size = max(1, _CHUNK_SAMPLES // channels)
    for start in range(0, count, size):
        yield np.zeros((min(size, count - start), channels), np.float32)


def _frames(opened: Any, stream: Any, *, may_be_cut: bool) -> Iterator[Any]:
    """Decode packet by packet; in a stream that may be cut, a broken last packet is its end.

    ID3 tags between joined MP3 or AAC files are passed over.
    """
    failed: Exception | None = None
    tag_end = 0
    for packet in opened.demux(stream):
        if (packet.pos or 0) < tag_end:
            continue
        if failed is not None and packet.size:
            raise failed
        try:
            frames = packet.decode()
        except Exception as error:
            if not may_be_cut:
                raise
            if opened.format.name in ("mp3", "aac") and packet.pos is not None:
                data = bytes(packet)
                tag = data.find(b"ID3")
                size = id3_bytes(data[tag : tag + 10]) if tag >= 0 else None
                if size is not None:
                    tag_end = packet.pos + tag + size
                    continue
            failed = error
            continue
        yield from frames


def _floats(frame: Any, what: str) -> NDArray[np.float32]:
    """Samples of a PyAV frame, shape [n, channels], integers scaled to [-1, 1).

    Raises:
        NotAudioError: they are in a form that is not known.
    """
    channels = len(frame.layout.channels)
    try:
        if frame.format.name in ("s64", "s64p"):  # which PyAV 18 makes no array of
            size = frame.samples * (1 if frame.format.is_planar else channels)
            values: NDArray[Any] = np.stack(
                [np.frombuffer(plane, np.int64, size) for plane in frame.planes]
            )
        else:
            values = frame.to_ndarray()
    except ValueError as error:
        raise NotAudioError(
            f"{what}: expected samples of 8 to 64 bits, they are {frame.format.name} "
            f"({_reason(error)}). Export the file as 16-bit WAV."
        ) from error
    values = values.T if frame.format.is_planar else values.reshape(-1, channels)
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):  # becomes infinite, which the reader refuses
            return values.astype(np.float32)
    half = 2.0 ** (8 * values.dtype.itemsize - 1)
    middle = half if values.dtype.kind == "u" else 0.0
    return ((values - middle) / half).astype(np.float32)


def _reason(error: Exception) -> str:
    words = getattr(error, "strerror", None) or getattr(error, "error_string", None) or error
    return str(words).strip(" .:") or type(error).__name__


def _damaged(what: str, at_s: float, error: Exception) -> TruncatedAudioError:
    return TruncatedAudioError(
        f"{what}: expected audio to the end, it is cut or damaged after {at_s:.2f} s "
        f"({_reason(error)}). Copy or export the file again."
    )


def _too_short(what: str, heard_s: float, promised_s: float) -> TruncatedAudioError:
    return TruncatedAudioError(
        f"{what}: expected {promised_s:.2f} s of audio as its header says, it ends after "
        f"{heard_s:.2f} s. Copy or download the file again."
    )
