import numpy as np
import pytest

from audio.recordings import speech_like
from tonewatch.audio.denoise import denoise
from tonewatch.core.errors import BadSamplesError
from tonewatch.core.signal import Samples


def noisy(level: float) -> tuple[Samples, Samples]:
    """Speech between two pauses, without and with a hiss of this level."""
    clean = np.pad(speech_like(2.0, 16_000), 12_000)
    hiss = level * np.random.default_rng(1).standard_normal(clean.size)
    return clean, (clean + hiss).astype(np.float32)


def power_db(samples: Samples) -> float:
    return 10 * float(np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20))


@pytest.mark.parametrize("level", [0.01, 0.03])
def test_a_hiss_goes_down_and_speech_stays(level: float) -> None:
    clean, before = noisy(level)
    after = denoise(before)
    assert after.shape == before.shape
    assert after.dtype == np.float32
    pause = slice(2_000, 10_000)
    assert power_db(after[pause]) < power_db(before[pause]) - 14
    gained_db = power_db(before - clean) - power_db(after - clean)
    assert gained_db > 3
    assert np.corrcoef(clean, after)[0, 1] > 0.97


def test_digital_silence_around_a_recording_is_not_taken_for_its_noise() -> None:
    _, before = noisy(0.03)
    pause = slice(2_000, 10_000)
    padded = np.pad(before, 16_000)
    after = denoise(padded)[16_000:-16_000]
    assert power_db(after[pause]) < power_db(before[pause]) - 14


def test_no_more_is_taken_than_asked() -> None:
    _, before = noisy(0.03)
    pause = slice(2_000, 10_000)
    for reduction_db in (6.0, 12.0):
        taken_db = power_db(before[pause]) - power_db(denoise(before, reduction_db)[pause])
        assert reduction_db - 2 < taken_db < reduction_db + 0.5


def test_what_has_little_noise_stays_nearly_itself() -> None:
    clean = np.pad(speech_like(2.0, 16_000), 12_000)
    assert power_db(denoise(clean) - clean) < power_db(clean) - 20


@pytest.mark.parametrize("n", [0, 1, 100, 511, 513, 16_001])
def test_silence_stays_silence_whatever_its_length(n: int) -> None:
    after = denoise(np.zeros(n, np.float32))
    assert after.shape == (n,)
    assert not after.any()


@pytest.mark.parametrize("n", [1, 300, 5_000])
def test_short_sounds_stay_finite(n: int) -> None:
    after = denoise(np.ones(n, np.float32))
    assert after.shape == (n,)
    assert np.isfinite(after).all()


def test_bad_samples_are_refused() -> None:
    with pytest.raises(BadSamplesError):
        denoise(np.array([np.inf], np.float32))


def test_blocks_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    _, before = noisy(0.03)
    whole = denoise(before)
    monkeypatch.setattr("tonewatch.audio.denoise._BLOCK", 7)
    np.testing.assert_allclose(denoise(before), whole, atol=1e-6)
