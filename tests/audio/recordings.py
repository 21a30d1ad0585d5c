"""Makes small speech-like recordings in any format, for tests."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

SOUNDFILE_FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
PYAV_FORMATS = {
    "m4a": ("ipod", "aac"),
    "mp4": ("mp4", "aac"),
    "webm": ("webm", "libopus"),
    "amr": ("amr", "libopencore_amrnb"),
}
RATE_OF = {"opus": 48_000, "webm": 48_000, "amr": 8_000}
"""What a codec takes, in Hz; the others take any."""


def speech_like(duration_s: float, rate_hz: int, seed: int = 0) -> NDArray[np.float32]:
    """Harmonics of a gliding voice in syllables, with a little breath; shape [n]."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(duration_s * rate_hz)) / rate_hz
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * 0.7 * t)) / rate_hz
    voice = sum(np.sin(k * phase) / k for k in range(1, 9) if k * 180 < rate_hz / 2)
    syllables = np.clip(np.sin(2 * np.pi * 3 * t), 0, 1)
    breath = 0.01 * rng.standard_normal(t.size)
    return (0.25 * voice * syllables + breath).clip(-1, 1).astype(np.float32)


def write(path: Path, samples: NDArray[np.float32], rate_hz: int) -> Path:
    """Write `samples`, shape [n] or [n, channels], in the format of the path's extension."""
    ending = path.suffix[1:]
    if ending in SOUNDFILE_FORMATS:
        container, codec = SOUNDFILE_FORMATS[ending]
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        with soundfile.SoundFile(path, "w", rate_hz, channels, codec, format=container) as file:
            for start in range(0, len(samples), rate_hz):  # whole minutes at once crash libvorbis
                file.write(samples[start : start + rate_hz])
    else:
        _write_with_pyav(path, samples, rate_hz, *PYAV_FORMATS[ending])
    return path


def _write_with_pyav(
    path: Path, samples: NDArray[np.float32], rate_hz: int, container: str, codec: str
) -> None:
    import av

    with av.open(path, "w", format=container) as file:
        encode(file, samples, rate_hz, codec, 12_200 if container == "amr" else None)


def encode(
    file: Any,
    samples: NDArray[np.float32],
    rate_hz: int,
    codec: str,
    bit_rate: int | None = None,
    **options: str,
) -> None:
    """Encode `samples`, shape [n] or [n, channels], as the one track of a container of PyAV."""
    import av

    planes = np.ascontiguousarray(np.atleast_2d(samples.T))
    layout = "mono" if len(planes) == 1 else "stereo"
    stream: Any = file.add_stream(codec, rate=rate_hz, options=options)
    stream.layout = layout
    if bit_rate is not None:
        stream.bit_rate = bit_rate
    frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
    frame.rate, frame.pts = rate_hz, 0
    fifo = av.AudioFifo()
    for part in av.AudioResampler(stream.codec_context.format.name, layout).resample(frame):
        fifo.write(part)
    stream.codec_context.open()
    size = stream.codec_context.frame_size or 1024
    while (block := fifo.read(size, partial=True)) is not None:
        file.mux(stream.encode(block))
    file.mux(stream.encode(None))
