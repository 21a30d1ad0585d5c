"""Speech of any length for the speed benches: LibriSpeech joined, else the sample call repeated."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from bench.setting import SAMPLE, Setting
from tonewatch.audio.decode import load
from tonewatch.core.signal import RATE_HZ, Samples


def speech_file(setting: Setting, length_s: float) -> Path:
    """A 16-bit wav of speech, `length_s` long, in the work folder; written block by block."""
    path = setting.work / f"speech_{length_s:g}s.wav"
    if path.exists():
        return path
    missing = round(length_s * RATE_HZ)
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, "PCM_16") as file:
        for samples in _speech(setting):
            file.write(samples[:missing])
            missing -= min(missing, len(samples))
            if not missing:
                break
    return path


def source(setting: Setting) -> str:
    """Where the speech comes from, in words."""
    return "LibriSpeech test-other" if librispeech(setting) else "the sample call, repeated"


def librispeech(setting: Setting) -> list[Path]:
    """Recordings of LibriSpeech's test-other, whose speakers no bundle was trained on.

    One speaker after the other, so that the first few recordings are of as many speakers.
    """
    folder = setting.data and setting.data / "librispeech" / "test-other"
    if not folder or not folder.is_dir():
        return []
    speakers = [sorted(p for p in f.rglob("*") if p.is_file()) for f in sorted(folder.iterdir())]
    longest = max(len(paths) for paths in speakers)
    return [paths[i] for i in range(longest) for paths in speakers if i < len(paths)]


def _speech(setting: Setting) -> Iterator[Samples]:
    """Without end, with half a second of silence between recordings."""
    paths = librispeech(setting) or [SAMPLE]
    pause = np.zeros(RATE_HZ // 2, np.float32)
    while True:
        for path in paths:
            yield load(path)
            yield pause
