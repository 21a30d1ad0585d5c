"""What is measured in a take, against signals made to measure."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tonewatch.core.errors import BadSamplesError, SettingsError
from tonewatch.core.signal import Samples
from tonewatch.corpora.quality import WORDS, Limits, Measured, measure, remarks

GOOD = Measured(3.0, 2.0, -20.0, -6.0, 30.0, 0.0)


def take(level: float = 0.1, noise: float = 0.001, seconds: float = 3.0) -> Samples:
    """A tone of this RMS in the middle third of a noise of that RMS."""
    n = round(seconds * 16_000)
    t = np.arange(n) / 16_000
    tone = np.sqrt(2) * level * np.sin(2 * np.pi * 300 * t)
    heard = (t >= seconds / 3) & (t < 2 * seconds / 3)
    hiss = noise * np.random.default_rng(0).standard_normal(n)
    return (np.where(heard, tone, 0) + hiss).astype(np.float32)


@pytest.mark.parametrize("speech", [None, [(1.0, 2.0)]])
@pytest.mark.parametrize(("level", "noise"), [(0.1, 0.001), (0.02, 0.0005), (0.3, 0.01)])
def test_level_and_noise_are_those_of_the_signal(
    level: float, noise: float, speech: list[tuple[float, float]] | None
) -> None:
    m = measure(take(level, noise), speech)
    assert m.level_dbfs == pytest.approx(20 * np.log10(level), abs=0.3)
    assert m.snr_db == pytest.approx(20 * np.log10(level / noise), abs=0.6)
    assert m.duration_s == 3.0
    assert m.speech_s == pytest.approx(1.0, abs=0.05)
    assert m.peak_dbfs == pytest.approx(m.level_dbfs + 3, abs=1)
    assert m.clipping == 0


def test_speech_from_end_to_end_has_its_noise_from_its_quietest_frames() -> None:
    t = np.arange(32_000) / 16_000
    samples = take(0.0, 0.001, 2.0) + 0.2 * np.sin(2 * np.pi * 300 * t) * (np.sin(9 * t) > -0.5)
    m = measure(samples.astype(np.float32), [(0.0, 2.0)])
    assert m.snr_db is not None
    assert m.snr_db > 35


def test_clipping_is_the_share_at_full_scale() -> None:
    samples = np.clip(take(0.1) * 20, -1, 1)
    share = float((np.abs(samples) >= 0.99).mean())
    assert measure(samples).clipping == pytest.approx(share)
    assert share > 0.1
    assert measure(np.zeros(160, np.float32)).clipping == 0


@pytest.mark.parametrize("n", [0, 1, 100, 16_000])
def test_silence_has_no_speech_and_no_ratio(n: int) -> None:
    m = measure(np.zeros(n, np.float32))
    assert (m.speech_s, m.snr_db, m.level_dbfs, m.peak_dbfs) == (0, None, -96, -96)
    assert "no_speech" in [r.word for r in remarks(m)]


def test_bad_samples_are_refused() -> None:
    with pytest.raises(BadSamplesError):
        measure(np.array([0.0, np.nan], np.float32))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, []),
        ({"speech_s": 0.2, "snr_db": None, "level_dbfs": -60.0}, ["no_speech"]),
        ({"duration_s": 0.5}, ["too_short"]),
        ({"duration_s": 13.0}, ["too_long"]),
        ({"level_dbfs": -45.0}, ["too_quiet"]),
        ({"level_dbfs": -4.0}, ["too_loud"]),
        ({"level_dbfs": -4.0, "clipping": 0.01}, ["clipped"]),
        ({"snr_db": 8.0}, ["noisy"]),
        ({"level_dbfs": -45.0, "snr_db": 8.0}, ["too_quiet", "noisy"]),
    ],
)
def test_each_fault_has_its_word_and_advice(changes: dict[str, Any], words: list[str]) -> None:
    values = {name: getattr(GOOD, name) for name in GOOD.__dataclass_fields__} | changes
    found = remarks(Measured(**values))
    assert [remark.word for remark in found] == words
    assert set(words) <= set(WORDS)
    assert all(remark.found and remark.advice for remark in found)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"level_dbfs": -38.04}, []),
        ({"level_dbfs": -38.3}, ["speech at -38.3 dBFS, at least -38 is good"]),
        ({"level_dbfs": -5.9}, ["speech at -5.9 dBFS, at most -6 is good"]),
        ({"snr_db": 14.7}, ["14.7 dB over the noise, at least 15 is good"]),
        ({"speech_s": 0.38}, ["0.38 s of speech, at least 0.4 s are needed"]),
        ({"duration_s": 0.6999}, []),
        ({"duration_s": 12.03}, ["12.03 s long, at most 12 s are taken"]),
    ],
)
def test_what_is_told_is_beyond_the_limit_told(changes: dict[str, float], told: list[str]) -> None:
    assert [remark.found for remark in remarks(replace(GOOD, **changes))] == told


def test_limits_that_leave_nothing_are_refused() -> None:
    with pytest.raises(SettingsError, match="expected"):
        Limits(quietest_dbfs=-5.0)
