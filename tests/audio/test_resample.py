import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.recordings import speech_like
from tonewatch.audio.resample import StreamResampler
from tonewatch.core.errors import SettingsError

RATES = [8_000, 11_025, 16_000, 22_050, 24_414, 44_100, 48_000, 96_000]


@settings(max_examples=40)
@given(
    rate_hz=st.sampled_from(RATES),
    cuts=st.lists(st.integers(0, 12_000), max_size=12),
    size=st.integers(0, 12_000),
)
def test_stream_equals_whole_for_any_chunks(rate_hz: int, cuts: list[int], size: int) -> None:
    samples = speech_like(12_000 / rate_hz, rate_hz)[:size]
    stream = StreamResampler(rate_hz, 16_000)
    parts = [stream.push(part) for part in np.split(samples, sorted(min(c, size) for c in cuts))]
    came = np.concatenate([*parts, stream.finish()])
    whole = samples if rate_hz == 16_000 else soxr.resample(samples, rate_hz, 16_000)
    assert came.dtype == np.float32
    assert np.array_equal(came, whole)


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_tone_keeps_its_frequency_level_and_time(rate_hz: int) -> None:
    stream = StreamResampler(rate_hz, 16_000)
    tone = np.sin(2 * np.pi * 1000 * np.arange(rate_hz) / rate_hz).astype(np.float32)
    came = np.concatenate([stream.push(tone), stream.finish()])
    expected = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    assert came.size == 16_000
    assert np.abs(came - expected)[400:-400].max() < 2e-4


def test_what_16_khz_cannot_hold_is_gone() -> None:
    stream = StreamResampler(48_000, 16_000)
    tone = np.sin(2 * np.pi * 9500 * np.arange(48_000) / 48_000).astype(np.float32)
    came = np.concatenate([stream.push(tone), stream.finish()])
    assert np.abs(came[400:-400]).max() < 1e-4


def test_an_empty_stream_stays_empty() -> None:
    stream = StreamResampler(8_000, 16_000)
    assert stream.push(np.zeros(0, np.float32)).size == 0
    assert stream.finish().size == 0


@pytest.mark.parametrize("rates", [(0, 16_000), (16_000, 0), (-8_000, 16_000)])
def test_rates_must_be_positive(rates: tuple[int, int]) -> None:
    with pytest.raises(SettingsError, match="above 0"):
        StreamResampler(*rates)
