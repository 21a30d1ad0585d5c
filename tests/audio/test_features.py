import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.recordings import speech_like
from tonewatch.audio.features import (
    FeatureSettings,
    FeatureStream,
    dct_matrix,
    extract,
    hz_to_mel,
    mel_filters,
    mel_to_hz,
)
from tonewatch.core.errors import SettingsError
from tonewatch.core.signal import Samples

LOG_MEL = FeatureSettings()
MFCC = FeatureSettings(kind="mfcc")
PITCHED = FeatureSettings(n_pitches=40)


def tone(hz: float, level: float = 0.5, n: int = 4_000) -> Samples:
    return (level * np.sin(2 * np.pi * hz * np.arange(n) / 16_000)).astype(np.float32)


def centres_hz(features: FeatureSettings) -> list[float]:
    """Where each band has its peak, by the formulas of Slaney's scale, one band at a time."""

    def mel(hz: float) -> float:
        return 3 * hz / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)

    def hz(mel: float) -> float:
        return 200 * mel / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)

    low, high = mel(features.low_hz), mel(features.high_hz)
    step = (high - low) / (features.n_bands + 1)
    return [hz(low + i * step) for i in range(features.n_bands + 2)]


def slow_log_mel(samples: Samples, features: FeatureSettings, frame: int) -> list[float]:
    """One frame by the definitions: a DFT, written out, and triangles, one at a time."""
    n, size = features.window_samples, features.fft_samples
    window = [math.sin(math.pi * i / n) ** 2 for i in range(n)]
    unit = math.sqrt(sum(w * w for w in window))
    at = frame * features.hop_samples
    windowed = np.array([samples[at + i] * window[i] / unit for i in range(n)], np.float64)
    power = []
    for k in range(size // 2 + 1):
        turns = np.exp(-2j * np.pi * k * np.arange(n) / size)
        power.append(abs(np.sum(windowed * turns)) ** 2)
    edges = centres_hz(features)
    bands = []
    for low, centre, high in zip(edges[:-2], edges[1:-1], edges[2:], strict=True):
        total = 0.0
        for k, energy in enumerate(power):
            hz = k * 16_000 / size
            if low < hz <= centre:
                total += energy * (hz - low) / (centre - low)
            elif centre < hz < high:
                total += energy * (high - hz) / (high - centre)
        bands.append(math.log(total + features.floor))
    return bands


def test_the_mel_scale_has_its_known_values() -> None:
    hz = np.array([0.0, 200 / 3, 500.0, 1000.0, 6400.0])
    mel = [0.0, 1.0, 7.5, 15.0, 42.0]
    np.testing.assert_allclose(hz_to_mel(hz), mel, atol=1e-12)
    np.testing.assert_allclose(mel_to_hz(np.array(mel)), hz, atol=1e-9)


@given(st.floats(0, 8000))
def test_the_mel_scale_goes_there_and_back(hz: float) -> None:
    there = hz_to_mel(np.array([hz]))
    assert mel_to_hz(there)[0] == pytest.approx(hz, rel=1e-9, abs=1e-9)


def test_triangles_overlap_to_one_between_the_outer_peaks() -> None:
    filters = mel_filters(LOG_MEL)
    assert filters.shape == (257, 64)
    bins_hz = np.fft.rfftfreq(512, 1 / 16_000)
    edges = centres_hz(LOG_MEL)
    inside = (bins_hz >= edges[1]) & (bins_hz <= edges[-2])
    np.testing.assert_allclose(filters[inside].sum(1), 1, atol=1e-5)
    assert not filters[bins_hz < edges[0]].any()


@pytest.mark.parametrize("band", [8, 20, 40, 60])
def test_a_tone_lands_in_its_band(band: int) -> None:
    frames = extract(tone(centres_hz(LOG_MEL)[band + 1]), LOG_MEL)
    assert (frames.argmax(1) == band).all()


def test_ten_times_the_level_is_a_hundred_times_the_energy() -> None:
    quiet, loud = (extract(tone(1000, level), LOG_MEL) for level in (0.05, 0.5))
    peak = int(loud[0].argmax())
    np.testing.assert_allclose(loud[:, peak] - quiet[:, peak], math.log(100), atol=1e-3)


def test_white_noise_has_its_variance_in_every_bin() -> None:
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal(160_000)).astype(np.float32)
    frames = np.exp(extract(noise, LOG_MEL).astype(np.float64)).mean(0)
    width = mel_filters(LOG_MEL).sum(0)
    np.testing.assert_allclose(frames[4:] / width[4:], 0.01, rtol=0.15)
    assert np.mean(frames / width) == pytest.approx(0.01, rel=0.03)


@pytest.mark.parametrize(
    "features",
    [
        LOG_MEL,
        FeatureSettings(n_bands=24, window_samples=512, low_hz=0.0, high_hz=4000.0),
    ],
    ids=["default", "other"],
)
def test_log_mels_are_those_of_the_definitions(features: FeatureSettings) -> None:
    samples = speech_like(0.2, 16_000)
    came = extract(samples, features)
    for frame in (0, 7, len(came) - 1):
        np.testing.assert_allclose(came[frame], slow_log_mel(samples, features, frame), atol=2e-3)


def test_mfccs_are_the_cosine_transform_of_the_log_mels() -> None:
    samples = speech_like(0.2, 16_000)
    bands, came = extract(samples, LOG_MEL).astype(np.float64), extract(samples, MFCC)
    assert came.shape == (len(bands), 20)
    n = bands.shape[1]
    for k in (0, 1, 5, 19):
        unit = math.sqrt((1 if k == 0 else 2) / n)
        by_hand = [
            unit * sum(row[i] * math.cos(math.pi * k * (2 * i + 1) / (2 * n)) for i in range(n))
            for row in bands
        ]
        np.testing.assert_allclose(came[:, k], by_hand, atol=1e-3)


def test_the_cosine_transform_is_orthonormal() -> None:
    matrix = dct_matrix(64, 64).astype(np.float64)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(64), atol=1e-6)


@pytest.mark.parametrize("features", [LOG_MEL, MFCC, PITCHED], ids=["log_mel", "mfcc", "pitched"])
@given(cuts=st.lists(st.integers(0, 8_000), max_size=12))
@settings(max_examples=40)
def test_a_stream_gives_the_frames_of_the_whole_file(
    features: FeatureSettings, cuts: list[int]
) -> None:
    samples = speech_like(0.5, 16_000)
    stream = FeatureStream(features)
    parts = [stream.push(part) for part in np.split(samples, sorted(cuts))]
    whole = extract(samples, features)
    assert sum(len(part) for part in parts) == features.n_frames(len(samples)) == len(whole)
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-4)


def test_a_frame_comes_with_its_last_sample() -> None:
    stream = FeatureStream(LOG_MEL)
    assert stream.push(np.zeros(399, np.float32)).shape == (0, 64)
    assert len(stream.push(np.zeros(1, np.float32))) == 1
    assert len(stream.push(np.zeros(159, np.float32))) == 0
    assert len(stream.push(np.zeros(1, np.float32))) == 1


def test_pitches_stand_beside_the_bands_of_the_frames_last_25_ms() -> None:
    samples = speech_like(0.5, 16_000)
    came = extract(samples, PITCHED)
    assert came.shape == (PITCHED.n_frames(8_000), 104) == (44, 104)
    np.testing.assert_array_equal(came[:, :64], extract(samples[1024 - 400 :], LOG_MEL))
    lead = np.zeros(PITCHED.lead_samples, np.float32)
    led = extract(np.concatenate([lead, samples]), PITCHED)
    assert len(led) == 50  # whole as soon as its hop is
    late = 6 * 160 - PITCHED.lead_samples  # where the sixth frame begins
    # The matrix product rounds a row otherwise where it is one of fewer, on some processors.
    np.testing.assert_allclose(led[6:], extract(samples[late:], PITCHED), atol=1e-5)


def test_digital_silence_is_the_logarithm_of_the_floor() -> None:
    frames = extract(np.zeros(1_600, np.float32), LOG_MEL)
    np.testing.assert_allclose(frames, math.log(1e-8), rtol=1e-5)


def test_clipping_stays_finite() -> None:
    square = np.sign(tone(200, n=8_000)).astype(np.float32)
    assert np.isfinite(extract(square, LOG_MEL)).all()
    assert np.isfinite(extract(square * 32_768, MFCC)).all()


@given(at=st.integers(0, 3_999))
@settings(max_examples=25)
def test_a_nan_spoils_the_frames_that_hold_it_and_no_others(at: int) -> None:
    samples = tone(500)
    samples[at] = np.nan
    frames = extract(samples, LOG_MEL)
    for i, frame in enumerate(frames):
        # The first sample of a Hann window weighs nothing, but 0 * NaN is NaN all the same.
        holds = i * 160 <= at < i * 160 + 400
        assert np.isnan(frame).any() == holds


def test_input_is_left_as_it_was_and_any_float_will_do() -> None:
    samples = speech_like(0.1, 16_000)
    before = samples.copy()
    strided: Any = np.repeat(samples, 2).astype(np.float64)[::2]
    np.testing.assert_allclose(extract(strided, LOG_MEL), extract(samples, LOG_MEL), atol=1e-5)
    np.testing.assert_array_equal(samples, before)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"hop_samples": 0}, "hop_samples"),
        ({"hop_samples": 500}, "hop_samples"),
        ({"window_samples": 600}, "fft_samples"),
        ({"low_hz": 9000.0}, "low_hz"),
        ({"high_hz": 8001.0}, "high_hz"),
        ({"floor": 0.0}, "floor"),
        ({"n_pitches": -1}, "n_pitches"),
        ({"n_pitches": 40, "pitch_samples": 398}, "pitch_samples"),
        ({"n_pitches": 40, "pitch_samples": 1025}, "pitch_samples"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, float], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        FeatureSettings(**changes)  # type: ignore[arg-type]
