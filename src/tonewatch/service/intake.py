"""What becomes of an uploaded file before it is kept: heard to its end, measured, made FLAC.

Runs in a worker process, as a file from outside may bring a decoder down. PCM and G.711 become
FLAC, which says the same in less and which every browser plays; so does what no browser plays.
Float WAV stays, since FLAC has no floats, and so does what is compressed. It knows no store.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from tonewatch.audio.containers import Container, sniff
from tonewatch.audio.decode import AudioFile, stream_16k
from tonewatch.core.errors import SettingsError

MEDIA_TYPES: dict[Container | None, str] = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "mp3": "audio/mpeg",
    "aac": "audio/aac",
    "mov": "audio/mp4",
    "matroska": "audio/webm",
}
"""What a browser is told of a file that is kept; other files are `application/octet-stream`."""

_EXACT_BITS = {"PCM_S8": 16, "PCM_U8": 16, "PCM_16": 16, "PCM_24": 24}
_EXACT_BITS |= dict.fromkeys(("ULAW", "ALAW", "ulaw", "alaw"), 16)
_UNPLAYABLE: frozenset[Container] = frozenset({"amr", "asf", "aiff", "au", "caf", "w64"})
_FLAC_CHANNELS = 8
_FLAC_RATE_HZ = 655_350


@dataclass(frozen=True, slots=True)
class Taken:
    """A recording that can be kept.

    Attributes:
        path: the file to keep: the upload, or the FLAC beside it.
        duration_s: its length, by its samples.
        rate_hz: its rate.
        channels: how many.
        codec: of the file to keep: its container's name, such as "flac", "wav" or "mp3".
    """

    path: Path
    duration_s: float
    rate_hz: int
    channels: int
    codec: str


def take(path: Path, longest_s: float, to_flac: bool) -> Taken:
    """Hear a file to its end; write `PATH.flac` where that is to be kept instead.

    Raises:
        AudioError: it cannot be heard.
        SettingsError: it is longer than `longest_s`.
    """
    with AudioFile(path) as audio:
        info = audio.info
    with path.open("rb") as file:
        container = sniff(file)
    bits = _bits(info.codec, container)
    fits = info.channels <= _FLAC_CHANNELS and info.rate_hz <= _FLAC_RATE_HZ
    if not (to_flac and bits and fits):
        n_samples = sum(len(block) for block in _blocks(path, 0, info.rate_hz, longest_s))
        codec = container or info.codec
        return Taken(path, n_samples / info.rate_hz, info.rate_hz, info.channels, codec)
    kept = path.with_name(path.name + ".flac")
    n_samples = 0
    subtype = f"PCM_{bits}"
    with soundfile.SoundFile(kept, "w", info.rate_hz, info.channels, subtype, format="FLAC") as out:
        for block in _blocks(path, info.channels, info.rate_hz, longest_s):
            out.write(_integers(block, bits))
            n_samples += len(block)
    return Taken(kept, n_samples / info.rate_hz, info.rate_hz, info.channels, "flac")


def outline(path: Path, n_most: int = 1200) -> list[float]:
    """The loudest sample, 0 to 1, of each of at most `n_most` equal stretches, for a waveform.

    Raises:
        AudioError: it cannot be heard.
    """
    peaks: list[float] = []
    n_each = 80  # of 16 kHz; stretches are joined by pairs as they become too many
    rest = np.zeros(0, np.float32)
    for block in stream_16k(path, None):
        rest = np.concatenate([rest, np.abs(block)])
        n_whole = len(rest) // n_each
        peaks += rest[: n_whole * n_each].reshape(n_whole, n_each).max(axis=1).tolist()
        rest = rest[n_whole * n_each :]
        while len(peaks) > 2 * n_most and len(peaks) % 2 == 0:
            peaks = np.reshape(peaks, (-1, 2)).max(axis=1).tolist()
            n_each *= 2
    if rest.size:
        peaks.append(float(rest.max()))
    while len(peaks) > n_most:
        pairs = [*peaks, peaks[-1]] if len(peaks) % 2 else peaks
        peaks = np.reshape(pairs, (-1, 2)).max(axis=1).tolist()
    return [round(min(peak, 1.0), 3) for peak in peaks]


def _bits(codec: str, container: Container | None) -> int:
    """Bits of the FLAC that says the same; 0 where the file stays as it is."""
    if container == "flac":
        return 0
    return _EXACT_BITS.get(codec, 16 if container in _UNPLAYABLE else 0)


def _blocks(
    path: Path, channels: int, rate_hz: int, longest_s: float
) -> Iterator[NDArray[np.float32]]:
    """The samples, shape [n, channels], a second at a time; the mix, shape [n, 1], for 0."""
    heard = 0
    with ExitStack() as stack:
        # The decoder gives one channel at a time; an upload has one or two.
        wanted = range(channels) if channels else [None]
        files = [stack.enter_context(AudioFile(path, channel=channel)) for channel in wanted]
        for parts in zip(*(file.blocks() for file in files), strict=True):
            heard += len(parts[0])
            if heard > longest_s * rate_hz:
                raise SettingsError(
                    f"expected a recording of at most {longest_s:g} s, came a longer one; "
                    "cut it, or ask for a higher limit"
                )
            yield np.stack(parts, axis=1)


def _integers(samples: NDArray[np.float32], bits: int) -> NDArray[np.int32]:
    """As 32-bit integers, whose highest `bits` libsndfile takes."""
    # Not soundfile's own conversion: it scales by 32767 where reading scales by 32768.
    top = 2 ** (bits - 1)
    whole = np.clip(np.rint(samples.astype(np.float64) * top), -top, top - 1)
    return np.asarray(whole.astype(np.int32) << (32 - bits), np.int32)
