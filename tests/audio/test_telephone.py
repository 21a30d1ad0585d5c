import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.recordings import speech_like
from tonewatch.audio.g711 import Law
from tonewatch.audio.telephone import TelephoneChannel, active_level, telephone
from tonewatch.core.errors import BadSamplesError, SettingsError
from tonewatch.core.signal import Samples


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def tone(hz: float, level: float = 0.5) -> Samples:
    return (level * np.sin(2 * np.pi * hz * np.arange(32_000) / 16_000)).astype(np.float32)


def gain_db(hz: float) -> float:
    came = telephone(tone(hz), TelephoneChannel(), rng=rng())[4_000:-4_000]
    return float(20 * np.log10(np.sqrt(np.mean(came**2)) / (0.5 / np.sqrt(2)) + 1e-9))


@pytest.mark.parametrize("hz", [450, 1_000, 2_000, 3_200])
def test_the_band_passes(hz: float) -> None:
    assert abs(gain_db(hz)) < 0.5


@pytest.mark.parametrize("hz", [50, 120, 3_800, 5_000, 7_000])
def test_beside_the_band_nothing_passes(hz: float) -> None:
    assert gain_db(hz) < -35


def test_the_edges_of_the_band_are_at_half_amplitude() -> None:
    assert gain_db(300) == pytest.approx(-6, abs=0.7)
    assert gain_db(3_400) == pytest.approx(-6, abs=0.7)


@pytest.mark.parametrize("codec", ["ulaw", "alaw"])
def test_companding_costs_what_g711_costs(codec: Law) -> None:
    sent = tone(1_000)
    came = telephone(sent, TelephoneChannel(codec), rng=rng())
    error = (came - sent)[4_000:-4_000]
    snr_db = 10 * np.log10(np.mean(sent**2) / np.mean(error**2))
    assert 33 < snr_db < 45  # ITU-T G.711 at high levels: about 38 dB


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_noise_is_at_the_snr_over_active_speech_only(snr_db: float) -> None:
    speech = np.concatenate([np.zeros(48_000, np.float32), tone(1_000)])
    settings_ = TelephoneChannel(snr_db=snr_db)
    noise = telephone(speech, settings_, rng=rng())[2_000:46_000]
    passed_db = 10 * np.log10(8_000 / 3_100)  # the band's share of white noise at 16 kHz
    expected_db = -snr_db - passed_db
    level_db = 20 * np.log10(np.sqrt(np.mean(noise**2)) / active_level(speech))
    assert level_db == pytest.approx(expected_db, abs=0.5)


def test_given_noise_is_used_and_repeated() -> None:
    hum = tone(1_500)[:960]  # whole periods, so that the repeats join
    came = telephone(tone(600), TelephoneChannel(snr_db=6), rng=rng(), noise=hum)
    spectrum = np.abs(np.fft.rfft(came))
    assert spectrum[3_000] / spectrum[1_200] == pytest.approx(10 ** (-6 / 20), rel=0.1)


@pytest.mark.parametrize("loss", [0.05, 0.2, 0.6])
def test_the_stated_share_of_packets_is_lost(loss: float) -> None:
    sent = rng().standard_normal(16_000 * 120).astype(np.float32) * 0.1
    whole = telephone(sent, TelephoneChannel(), rng=rng(1))
    came = telephone(sent, TelephoneChannel(packet_loss=loss), rng=rng(1))
    packets = (np.abs(came - whole) > 1e-3).reshape(-1, 320)[:, 100:220].mean(axis=1) > 0.5
    assert packets.mean() == pytest.approx(loss, abs=0.3 * loss)
    starts = np.count_nonzero(np.diff(packets.astype(int)) == 1)
    if loss < 0.5:
        assert packets.sum() / starts == pytest.approx(2, rel=0.3)


def test_a_long_loss_fades_to_silence() -> None:
    came = telephone(tone(1_000), TelephoneChannel(packet_loss=0.999), rng=rng(3))
    levels = np.abs(came).reshape(-1, 320).max(axis=1)
    assert (levels < 1e-3).any()
    assert np.isfinite(came).all()


@settings(max_examples=40)
@given(
    size=st.integers(0, 4_000),
    codec=st.sampled_from(["ulaw", "alaw"]),
    snr_db=st.none() | st.floats(-20, 60),
    loss=st.sampled_from([0.0, 0.1, 0.9]),
    gain=st.sampled_from([0.0, 1e-6, 0.3, 1.0, 100.0]),
    seed=st.integers(0, 99),
)
def test_length_bounds_and_determinism_for_any_input(
    size: int, codec: Law, snr_db: float | None, loss: float, gain: float, seed: int
) -> None:
    sent = np.float32(gain) * speech_like(0.25, 16_000, seed)[:size]
    channel = TelephoneChannel(codec, snr_db=snr_db, packet_loss=loss)
    kept = sent.copy()
    came = telephone(sent, channel, rng=rng(seed))
    assert came.dtype == np.float32
    assert came.shape == sent.shape
    assert np.abs(came).max(initial=0) <= 1
    assert np.array_equal(came, telephone(sent, channel, rng=rng(seed)))
    assert np.array_equal(sent, kept)


def test_silence_stays_silence() -> None:
    quiet = np.zeros(16_000, np.float32)
    channel = TelephoneChannel(snr_db=10, packet_loss=0.1)
    assert not telephone(quiet, channel, rng=rng()).any()
    assert np.abs(telephone(quiet, TelephoneChannel("alaw"), rng=rng())).max() < 12 / 32768


def test_nothing_is_delayed() -> None:
    sent = speech_like(2, 16_000)
    came = telephone(sent, TelephoneChannel(), rng=rng())
    lags = np.correlate(came[8_000:24_000], sent[8_100:23_900], "valid")
    assert int(np.argmax(lags)) == 100


def test_nan_is_refused() -> None:
    with pytest.raises(BadSamplesError, match="samples"):
        telephone(np.array([0, np.nan], np.float32), TelephoneChannel(), rng=rng())
    with pytest.raises(BadSamplesError, match="noise"):
        telephone(
            tone(500), TelephoneChannel(snr_db=3), rng=rng(), noise=np.array([np.inf], np.float32)
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"codec": "gsm"},
        {"low_hz": 3_000, "high_hz": 300},
        {"high_hz": 5_000},
        {"snr_db": float("nan")},
        {"packet_loss": 1.0},
        {"packet_loss": -0.1},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="expected"):
        TelephoneChannel(**wrong)  # type: ignore[arg-type]
