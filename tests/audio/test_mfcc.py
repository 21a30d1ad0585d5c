import numpy as np
import pytest

from audio.chirps import chirp
from tonewatch.audio.mfcc import mfcc, mfcc_means
from tonewatch.core.errors import SettingsError

# Of librosa 0.11.0: librosa.feature.mfcc(y=chirp(rate_hz), sr=rate_hz, n_mfcc=n).T
KNOWN = {
    (16_000, 20): {
        "shape": (32, 20),
        "first": [-482.1547, 30.344, 28.8345, 28.119, 17.7062, 14.3759],
        "tenth": [-465.7039, 41.496, 37.4673, 36.7689, 5.9018, 0.205],
        "last": [-19.2803, -17.3878, -9.3126, 10.4594],
        "means": [
            -431.4974, 54.8464, 12.2415, 14.2966, 3.4393, 2.1585, -20.5426, -51.655, -29.8302,
            -13.8012, -19.0889, -10.9591, -16.201, -2.5415, 27.4037, 10.8489, -2.9945, 5.0244,
            1.1089, 12.8763,
        ],
    },
    (22_050, 40): {
        "shape": (44, 40),
        "first": [-485.9195, 30.2122, 27.6769, 28.4437, 21.2047, 14.5685],
        "tenth": [-469.9637, 41.7522, 34.7308, 41.9769, 20.6683, 3.2508],
        "last": [-3.0335, 8.0054, 3.3753, -1.7836],
        "means": [
            -440.1789, 57.604, 15.2796, 15.9716, 8.4086, 1.5433, -2.221, -34.8294, -52.8374,
            -26.1716, -12.4722, -18.3904, -11.962, -14.1802, -12.7213, 18.0184, 25.925, 0.0565,
            -3.2999, 4.4765, 1.4352, 11.9531, 11.3282, -14.7721, -11.7727, 11.8076, 8.523, 3.5199,
            5.3497, -8.4448, -4.5281, 17.2604, 6.7176, -11.1444, -3.5535, -2.9073, -3.6532, 9.9353,
            1.1364, -15.9208,
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize(("rate_hz", "n"), KNOWN)
def test_values_are_librosa_s(rate_hz: int, n: int) -> None:
    known = KNOWN[rate_hz, n]
    came = mfcc(chirp(rate_hz), n, rate_hz)
    assert came.shape == known["shape"]
    assert came.dtype == np.float32
    np.testing.assert_allclose(came[0, :6], known["first"], atol=5e-4)
    np.testing.assert_allclose(came[10, :6], known["tenth"], atol=5e-4)
    np.testing.assert_allclose(came[-1, -4:], known["last"], atol=5e-4)
    means = mfcc_means(chirp(rate_hz), n, rate_hz)
    np.testing.assert_allclose(means, known["means"], atol=5e-4)


def test_fewer_coefficients_are_the_first_of_more() -> None:
    np.testing.assert_array_equal(mfcc(chirp(16_000), 13), mfcc(chirp(16_000), 40)[:, :13])


@pytest.mark.parametrize("n", [0, 1, 700])
def test_silence_is_the_floor(n: int) -> None:
    # All 128 bands at -100 dB: the first coefficient is -100 * sqrt(128), the others are 0.
    came = mfcc(np.zeros(n, np.float32), 20)
    assert came.shape == (1 + n // 512, 20)
    np.testing.assert_allclose(came[:, 0], -100 * np.sqrt(128), rtol=1e-6)
    np.testing.assert_allclose(came[:, 1:], 0, atol=1e-9)


@pytest.mark.parametrize("n", [0, 129])
def test_impossible_numbers_of_coefficients_are_refused(n: int) -> None:
    with pytest.raises(SettingsError, match="expected 1 to 128"):
        mfcc(chirp(16_000), n)
