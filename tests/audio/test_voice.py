import numpy as np
import pytest

from tonewatch.audio.voice import change_pitch, change_speed, change_tempo
from tonewatch.core.signal import Samples


def tone(hz: float, seconds: float = 2.0) -> Samples:
    t = np.arange(round(seconds * 16_000)) / 16_000
    return (0.5 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def pitch_hz(samples: Samples) -> float:
    middle = samples[4_000:-4_000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 18))
    return float(np.argmax(spectrum) * 16_000 / (1 << 18))


def level(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples[4_000:-4_000]))))


@pytest.mark.parametrize("semitones", [-2.0, -0.5, 0.7, 2.0])
def test_the_pitch_moves_by_the_semitones_asked_and_the_length_stays(semitones: float) -> None:
    changed = change_pitch(tone(220), semitones)
    assert pitch_hz(changed) == pytest.approx(220 * 2 ** (semitones / 12), rel=0.004)
    assert len(changed) == pytest.approx(32_000, abs=4)
    assert level(changed) == pytest.approx(level(tone(220)), rel=0.1)


@pytest.mark.parametrize("factor", [0.88, 1.0, 1.12])
def test_speed_moves_length_and_pitch_together(factor: float) -> None:
    changed = change_speed(tone(300), factor)
    assert len(changed) == pytest.approx(32_000 / factor, abs=2)
    assert pitch_hz(changed) == pytest.approx(300 * factor, rel=0.002)
    assert changed.dtype == np.float32


@pytest.mark.parametrize("factor", [0.85, 1.0, 1.2])
def test_tempo_moves_the_length_alone(factor: float) -> None:
    changed = change_tempo(tone(200), factor)
    assert len(changed) == pytest.approx(32_000 / factor, abs=2)
    assert pitch_hz(changed) == pytest.approx(200, rel=0.004)
    assert level(changed) == pytest.approx(level(tone(200)), rel=0.1)
