import numpy as np

from tonewatch.audio.telephone import TelephoneChannel, telephone
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.transcript.narrowband import Filling, is_narrow


def sound(seconds: float = 2.0) -> Samples:
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal(round(seconds * RATE_HZ))).astype(np.float32)


def by_telephone(samples: Samples) -> Samples:
    return telephone(samples, TelephoneChannel(), rng=np.random.default_rng(0))


def power_above(samples: Samples, hz: float) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float(power[round(hz * samples.size / RATE_HZ) :].sum() / power.sum())


def test_a_telephone_is_narrow_and_a_studio_is_not() -> None:
    assert is_narrow(by_telephone(sound()))
    assert not is_narrow(sound())


def test_silence_and_nothing_are_not_narrow() -> None:
    assert not is_narrow(np.zeros(RATE_HZ, np.float32))
    assert not is_narrow(np.zeros(0, np.float32))


def test_the_empty_band_is_filled_40_db_below_and_the_speech_stays() -> None:
    line = by_telephone(sound())
    filled = Filling(line).push(line)
    assert 10 * np.log10(power_above(filled, 4_200)) == np.clip(
        10 * np.log10(power_above(filled, 4_200)), -41, -39
    )
    spoken, kept = np.fft.rfft(line), np.fft.rfft(filled)
    below = round(4_000 * line.size / RATE_HZ)
    np.testing.assert_allclose(kept[:below], spoken[:below], atol=1e-2)


def test_chunks_do_not_matter() -> None:
    line = by_telephone(sound(2.5))
    filling = Filling(line)
    chunked = np.concatenate([filling.push(part) for part in np.array_split(line, 7)])
    np.testing.assert_array_equal(chunked, Filling(line).push(line))
