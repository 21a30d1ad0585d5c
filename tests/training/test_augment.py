import numpy as np
import pytest

from audio.recordings import speech_like
from tonewatch.audio.telephone import active_level
from tonewatch.core.signal import Samples
from tonewatch.training.augment import (
    AugmentSettings,
    add_noise,
    one_copy,
)


def tone(hz: float, seconds: float = 2.0) -> Samples:
    t = np.arange(round(seconds * 16_000)) / 16_000
    return (0.5 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


@pytest.mark.parametrize("snr_db", [0.0, 5.0, 20.0])
@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_noise_reaches_the_ratio_asked(snr_db: float, gain: float) -> None:
    speech = speech_like(2.0, 16_000) * np.float32(gain)
    noise = np.random.default_rng(0).standard_normal(40_000).astype(np.float32)
    added = add_noise(speech, noise, snr_db) - speech
    ratio = active_level(speech) / np.sqrt(np.mean(np.square(added)))
    assert 20 * np.log10(ratio) == pytest.approx(snr_db, abs=0.2)


def test_short_noise_is_repeated() -> None:
    speech, noise = speech_like(1.0, 16_000), tone(500, 0.25)
    added = add_noise(speech, noise, 10) - speech
    np.testing.assert_allclose(added[:4_000], added[4_000:8_000], atol=1e-6)


def test_silence_gets_no_noise_and_silent_noise_changes_nothing() -> None:
    silence, speech = np.zeros(16_000, np.float32), speech_like(1.0, 16_000)
    assert not add_noise(silence, tone(500), 10).any()
    np.testing.assert_array_equal(add_noise(speech, silence, 10), speech)


def test_the_same_generator_gives_the_same_copy() -> None:
    speech, noises = speech_like(1.0, 16_000), [tone(700, 0.5)]
    first, again, other = (
        one_copy(speech, noises, AugmentSettings(), np.random.default_rng(seed))
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first[0], again[0])
    assert first[0].shape != other[0].shape or not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("seed", range(12))
def test_copies_are_usable(seed: int) -> None:
    speech = speech_like(1.0, 16_000)
    copy, clean = one_copy(speech, [tone(700, 0.5)], AugmentSettings(), np.random.default_rng(seed))
    assert copy.shape == clean.shape
    assert copy.dtype == clean.dtype == np.float32
    assert 0.85 * len(speech) < len(copy) < 1.2 * len(speech)
    assert np.isfinite(copy).all()
    assert copy.any()


def test_no_noise_and_no_line_leave_the_clean_copy() -> None:
    settings = AugmentSettings(telephone=0, noise=0)
    copy, clean = one_copy(speech_like(1.0, 16_000), [], settings, np.random.default_rng(0))
    np.testing.assert_array_equal(copy, clean)


def test_silence_stays_silence() -> None:
    settings = AugmentSettings(telephone=0)
    for seed in range(6):
        copy, _ = one_copy(np.zeros(8_000, np.float32), [], settings, np.random.default_rng(seed))
        assert not copy.any()
