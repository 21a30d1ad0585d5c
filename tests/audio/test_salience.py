import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tonewatch.audio.features import FeatureSettings, extract
from tonewatch.audio.salience import LOWEST_HZ
from tonewatch.audio.telephone import TelephoneChannel, telephone
from tonewatch.core.signal import Samples

PITCHED = FeatureSettings(n_pitches=40)


def voice(pitch_hz: float, *, breath: float = 0.0, duration_s: float = 0.5) -> Samples:
    """A steady voice: harmonics that fall by 6 dB an octave, with some noise."""
    t = np.arange(round(duration_s * 16_000)) / 16_000
    harmonics = range(1, int(7_000 / pitch_hz) + 1)
    clear = sum(np.cos(2 * np.pi * k * pitch_hz * t + k * k) / k for k in harmonics)
    noise = np.random.default_rng(0).standard_normal(t.size)
    return (0.1 * (clear + breath * noise)).astype(np.float32)


def salience(samples: Samples) -> NDArray[np.float32]:
    """Mean over frames, shape [40]."""
    mean: NDArray[np.float32] = extract(samples, PITCHED)[:, 64:].mean(0)
    return mean


def semitone(pitch_hz: float) -> float:
    return 12 * float(np.log2(pitch_hz / LOWEST_HZ))


@given(pitch_hz=st.floats(75, 330))
@settings(max_examples=60, deadline=None)
def test_a_voice_is_most_salient_at_its_pitch(pitch_hz: float) -> None:
    found = salience(voice(pitch_hz))
    assert abs(int(found.argmax()) - semitone(pitch_hz)) < 0.75
    assert found.max() > 0.1
    assert found.max() > 4 * np.median(np.abs(found))


@given(pitch_hz=st.floats(330, 560))
@settings(max_examples=40, deadline=None)
def test_a_high_voice_is_as_salient_at_its_pitch_as_an_octave_below(pitch_hz: float) -> None:
    found = salience(voice(pitch_hz))
    at = round(semitone(pitch_hz))
    assert found[at - 1 : at + 2].max() > 0.8 * found.max() > 0.3


@pytest.mark.parametrize("pitch_hz", [95.0, 130.0, 210.0, 290.0])
def test_a_line_without_the_lowest_harmonics_keeps_the_pitch(pitch_hz: float) -> None:
    line = TelephoneChannel(snr_db=20)
    found = salience(telephone(voice(pitch_hz), line, rng=np.random.default_rng(0)))
    assert abs(int(found.argmax()) - semitone(pitch_hz)) < 0.75
    assert found.max() > 4 * np.median(np.abs(found))


def test_gain_does_not_matter() -> None:
    samples = voice(120, breath=0.1)
    quieter = np.asarray(samples / 10, np.float32)
    np.testing.assert_allclose(salience(samples), salience(quieter), atol=0.02)


def test_the_clearer_the_voice_the_higher_the_peak() -> None:
    peaks = [salience(voice(180, breath=breath)).max() for breath in (0.0, 0.3, 1.0, 3.0)]
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[0] > 3 * peaks[-1]


def test_noise_and_silence_have_no_pitch() -> None:
    noise = np.random.default_rng(0).standard_normal(32_000).astype(np.float32)
    assert np.abs(salience(0.1 * noise)).max() < 0.05
    assert np.abs(extract(0.1 * noise, PITCHED)[:, 64:]).max() < 0.1
    assert not salience(np.zeros(8_000, np.float32)).any()


def test_a_glide_is_followed() -> None:
    hz = np.linspace(110, 220, 16_000)
    phase = 2 * np.pi * np.cumsum(hz) / 16_000
    samples = sum(np.cos(k * phase) / k for k in range(1, 15))
    found = extract(np.asarray(0.1 * samples, np.float32), PITCHED)[:, 64:].argmax(1)
    centres = np.arange(len(found)) * 160 + 512
    expected = 12 * np.log2(hz[centres] / LOWEST_HZ)
    assert np.abs(found - expected).max() < 1.0
