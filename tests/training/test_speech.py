import numpy as np
import pytest

from tonewatch.core.signal import Samples
from tonewatch.training.speech import speech_mask

HOP = 160


def tones_and_pauses(*parts: tuple[float, float]) -> Samples:
    """Parts of (seconds, level), a tone of 200 Hz."""
    pieces = []
    for seconds, level in parts:
        t = np.arange(round(seconds * 16_000)) / 16_000
        pieces.append(level * np.sin(2 * np.pi * 200 * t))
    return np.concatenate(pieces).astype(np.float32)


def mask_of(samples: Samples) -> list[bool]:
    return [bool(speech) for speech in speech_mask(samples, len(samples) // HOP, HOP)]


def test_speech_between_pauses_is_found_to_20_ms() -> None:
    mask = mask_of(tones_and_pauses((0.5, 0.001), (1.0, 0.3), (0.5, 0.001)))
    assert mask.index(True) == pytest.approx(50, abs=2)
    assert len(mask) - mask[::-1].index(True) == pytest.approx(150, abs=2)
    assert all(mask[52:148])


def test_a_pause_of_100_ms_is_bridged_and_one_of_300_ms_is_not() -> None:
    short = mask_of(tones_and_pauses((0.5, 0.3), (0.1, 0.0), (0.5, 0.3)))
    assert all(short)
    long = mask_of(tones_and_pauses((0.5, 0.3), (0.3, 0.0), (0.5, 0.3)))
    assert not any(long[54:76])


@pytest.mark.parametrize("gain", [0.01, 1.0, 3.0])
def test_the_level_of_the_recording_does_not_matter(gain: float) -> None:
    samples = tones_and_pauses((0.3, 0.0), (0.6, 0.3), (0.3, 0.0), (0.6, 0.1))
    assert mask_of(samples * np.float32(gain)) == mask_of(samples)


def test_silence_has_no_speech() -> None:
    assert not any(mask_of(np.zeros(16_000, np.float32)))
    rng = np.random.default_rng(0)
    hiss = (1e-5 * rng.standard_normal(16_000)).astype(np.float32)
    assert not any(mask_of(hiss))


def test_frames_beyond_the_end_are_pauses() -> None:
    samples = tones_and_pauses((0.5, 0.3))
    mask = speech_mask(samples, 100, HOP)
    assert mask.shape == (100,)
    assert mask[:48].all()
    assert not mask[53:].any()


@pytest.mark.parametrize("n_frames", [1, 2, 4, 5])
def test_a_few_frames_are_enough(n_frames: int) -> None:
    mask = speech_mask(tones_and_pauses((0.5, 0.3)), n_frames, HOP)
    assert mask.tolist() == [True] * n_frames
