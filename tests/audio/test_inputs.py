from typing import Any

import numpy as np
import pytest

from audio.chirps import chirp
from tonewatch.audio.inputs import (
    KINDS,
    Egemaps,
    LogMelFrames,
    LogSpectrogram,
    MfccMean,
    RawSamples,
    WindowInput,
)
from tonewatch.audio.mfcc import mfcc_means
from tonewatch.core.errors import SettingsError

# Of librosa 0.11.0, band and frame: power_to_db(melspectrogram(S=|stft(y, n_fft=512,
# win_length=256, hop_length=128, window="hamming")|^2, n_mels=128, fmax=4000), ref=max) of the
# z-normalised chirp y.
LEVELS_DB = {
    (0, 0): -80.0, (20, 10): -56.5303, (40, 100): -42.9212, (64, 200): -45.4235,
    (100, 300): -61.2582, (127, 383): -50.7386,
}  # fmt: skip


def needs_opensmile() -> None:
    pytest.importorskip("opensmile", reason="needs openSMILE (the extra `egemaps`)")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> WindowInput:
    if request.param == "egemaps":
        needs_opensmile()
    settings: WindowInput = KINDS[request.param]()
    return settings


def test_every_kind_has_its_name_and_gives_its_shape(kind: WindowInput) -> None:
    assert KINDS[kind.kind] is type(kind)
    for seconds in (0.1, 1.0, 3.0, 5.0):
        came = kind.make(chirp(16_000, seconds))
        assert came.shape == kind.shape
        assert came.dtype == np.float32
        assert np.isfinite(came).all()


@pytest.mark.parametrize("peak", [0.0, 1.0, 1e6])
def test_silence_and_clipping_are_finite(kind: WindowInput, peak: float) -> None:
    came = kind.make(np.sign(chirp(16_000, 2.0)) * np.float32(peak))
    assert came.shape == kind.shape
    assert np.isfinite(came).all()


def test_log_mel_frames_are_cut_from_librosa_s_levels() -> None:
    y = chirp(16_000, 3.1)[:49_100]
    came = LogMelFrames().make(y)
    assert came.shape == (5, 128, 128)
    for (band, frame), level_db in LEVELS_DB.items():
        square = min(frame // 64, 4)
        assert came[square, band, frame - 64 * square] == pytest.approx(level_db, abs=1e-3)


def test_gain_is_not_in_log_mel_frames_and_raw_samples() -> None:
    for settings in (LogMelFrames(), RawSamples()):
        y = chirp(16_000, 3.0)
        np.testing.assert_allclose(settings.make(y), settings.make(0.1 * y), atol=1e-3)


def test_what_is_missing_of_a_window_is_zeros_behind_it() -> None:
    y = chirp(16_000, 1.0)
    came = RawSamples(20_000).make(y)
    assert came[:16_000].std() == pytest.approx(1, abs=1e-4)
    assert not came[16_000:].any()
    np.testing.assert_array_equal(RawSamples(8_000).make(y), RawSamples(16_000).make(y)[-8_000:])


def test_the_log_spectrogram_is_scipy_s() -> None:
    signal = pytest.importorskip("scipy.signal", reason="needs scipy (the extra `train`)")
    y = chirp(16_000, 70_000 / 16_000)
    _, _, density = signal.spectrogram(
        y.astype(np.float64), 16_000, "hann", 441, 441 - 221, detrend=False
    )
    came = LogSpectrogram(rate_hz=16_000).make(y)
    assert came.shape == (315, 221)
    np.testing.assert_allclose(came, np.log(density.T + 1e-10), atol=1e-3)


def test_the_log_spectrogram_is_of_the_resampled_window() -> None:
    came = LogSpectrogram().make(chirp(16_000, 3.0))
    # 1330 Hz is bin 26.6 of 50 Hz; what lies above 8 kHz is not in 16 kHz.
    assert came[200, 20:35].argmax() + 20 in (26, 27)
    assert came[200, 170:].max() < came[200, 26] - 12


def test_the_mean_of_mfccs_is_that_of_the_whole_window() -> None:
    y = chirp(16_000, 2.3)
    np.testing.assert_array_equal(MfccMean(20).make(y), mfcc_means(y, 20))


def test_functionals_of_egemaps_have_known_values() -> None:
    needs_opensmile()
    values = Egemaps().make(chirp(16_000, 2.0))
    import opensmile

    names = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02).feature_names
    found = dict(zip(names, values.tolist(), strict=True))
    # The tone rises from 220 Hz by 300 Hz a second: 220 to 820 Hz, its mean in semitones over 27.5.
    assert 36 < found["F0semitoneFrom27.5Hz_sma3nz_amean"] < 60
    assert found["equivalentSoundLevel_dBp"] == pytest.approx(-10, abs=2)


def test_without_opensmile_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from tonewatch.audio import inputs

    inputs._smile.cache_clear()
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(SettingsError, match=r"tonewatch\[egemaps\].*research"):
        Egemaps().make(chirp(16_000))
    inputs._smile.cache_clear()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (lambda: MfccMean(0), "coefficients"),
        (lambda: MfccMean(129), "coefficients"),
        (lambda: LogMelFrames(n_samples=8_000), "lengthen"),
        (lambda: LogMelFrames(high_hz=9_000), "high_hz"),
        (lambda: LogMelFrames(window_samples=600), "fft_samples"),
        (lambda: LogMelFrames(step=0), "step"),
        (lambda: LogSpectrogram(n_samples=440), "window_samples"),
        (lambda: LogSpectrogram(floor=float("nan")), "floor"),
        (lambda: RawSamples(-1), "n_samples"),
    ],
)
def test_impossible_settings_are_refused(settings: Any, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        settings()
