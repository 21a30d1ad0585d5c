"""A made-up corpus of voices, which a network of a few thousand weights can learn."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from audio.recordings import write

# Pitch in Hz, its movement in octaves over the clip, loudness.
EMOTIONS = {"angry": (260, 0.4, 0.6), "sad": (130, -0.3, 0.1)}


def voice(emotion: str, speaker: int, take: int) -> NDArray[np.float32]:
    """1.2 s at 16 kHz: harmonics between two pauses, in syllables (a steady tone is no speech)."""
    pitch_hz, octaves, loudness = EMOTIONS.get(emotion, (180, 0.0, 0.3))
    t = np.arange(19_200) / 16_000
    f0_hz = pitch_hz * (1 + 0.03 * speaker) * 2 ** (octaves * t / 1.2)
    phase = 2 * np.pi * np.cumsum(f0_hz) / 16_000
    tone = np.sum([np.sin(k * phase + take) / k for k in range(1, 13)], axis=0)
    heard = ((t > 0.15) & (t < 1.05)) * (0.5 + 0.5 * np.sin(2 * np.pi * 4 * t))
    breath = 1e-3 * np.random.default_rng([speaker, take]).standard_normal(t.size)
    return np.asarray((loudness * 0.4 * tone * heard + breath).clip(-1, 1), np.float32)


def babble(seconds: float, seed: int) -> NDArray[np.float32]:
    """A voice whose pitch and timbre change each 0.2 s; no two seeds sound alike."""
    rng, times = np.random.default_rng(seed), np.arange(3_200) / 16_000
    parts = []
    for _ in range(round(seconds * 5)):
        harmonics = np.arange(1, int(3500 / (pitch_hz := rng.uniform(90, 260))))[:, None]
        loudness = 10 ** rng.uniform(-2, 0, harmonics.shape)
        sound = np.sum(loudness * np.sin(2 * np.pi * pitch_hz * harmonics * times), axis=0)
        parts.append(0.3 * sound / np.abs(sound).max())
    return np.concatenate(parts).astype(np.float32)


def make_corpus(folder: Path, emotions: Sequence[str], speakers: int = 6, takes: int = 2) -> Path:
    """A folder an emotion, in it a folder a speaker."""
    for emotion in emotions:
        for speaker in range(speakers):
            home = folder / emotion / f"s{speaker}"
            home.mkdir(parents=True)
            for take in range(takes):
                write(home / f"{take}.wav", voice(emotion, speaker, take), 16_000)
    return folder


@pytest.fixture(scope="session")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six speakers, angry and sad, and of the first one also a word that no scheme has."""
    folder = make_corpus(tmp_path_factory.mktemp("voices"), list(EMOTIONS))
    make_corpus(folder, ["wistful"], speakers=1, takes=1)
    return folder
