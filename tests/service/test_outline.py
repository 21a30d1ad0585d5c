from pathlib import Path

import numpy as np
import pytest
import soundfile

from tonewatch.service.intake import outline


@pytest.mark.parametrize("seconds", [0.01, 1.0, 7.3, 60.0])
def test_an_outline_follows_the_loudness(tmp_path: Path, seconds: float) -> None:
    n = int(16_000 * seconds)
    samples = np.zeros(n, np.float32)
    samples[n // 2 :] = 0.5
    path = tmp_path / "half.wav"
    soundfile.write(path, samples, 16_000, subtype="FLOAT")
    peaks = outline(path, n_most=100)
    assert 1 <= len(peaks) <= 100
    half = len(peaks) // 2
    assert max(peaks[: max(0, half - 2)], default=0.0) == 0.0
    assert min(peaks[half + 2 :], default=0.5) == pytest.approx(0.5, abs=0.01)
