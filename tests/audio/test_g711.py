import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonewatch.audio import g711
from tonewatch.audio.g711 import Law

# ITU-T G.711, tables 5 and 6: the bytes of a 1 kHz sine of 0 dBm0.
SINE_0_DBM0 = {
    "ulaw": bytes.fromhex("1e0b0b1e9e8b8b9e"),
    "alaw": bytes.fromhex("34212134b4a1a1b4"),
}
OVERLOAD_DBM0 = {"ulaw": 3.17, "alaw": 3.14}  # the level of a sine that just fits
FULL_SCALE = {"ulaw": 8159 * 4, "alaw": 4096 * 8}


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_the_reference_sine_has_the_bytes_of_the_recommendation(law: Law) -> None:
    phase = 2 * np.pi * (np.arange(8) + 0.5) / 8
    peak = FULL_SCALE[law] * 10 ** (-OVERLOAD_DBM0[law] / 20)
    pcm = np.rint(-peak * np.sin(phase)).astype(np.int16)
    assert g711.encode(pcm, law).tobytes() == SINE_0_DBM0[law]


# Tables 1 and 2 of G.711: quantised values, in 16-bit terms (u-law times 4, A-law times 8).
@pytest.mark.parametrize(
    ("law", "code", "value"),
    [
        ("ulaw", 0xFF, 0),
        ("ulaw", 0x7F, 0),
        ("ulaw", 0xFE, 2 * 4),
        ("ulaw", 0xEF, 33 * 4),
        ("ulaw", 0xDF, 99 * 4),
        ("ulaw", 0xCF, 231 * 4),
        ("ulaw", 0x8F, 4191 * 4),
        ("ulaw", 0x80, 8031 * 4),
        ("ulaw", 0x00, -8031 * 4),
        ("alaw", 0xD5, 1 * 8),
        ("alaw", 0x55, -1 * 8),
        ("alaw", 0xC5, 33 * 8),
        ("alaw", 0xAA, 4032 * 8),
        ("alaw", 0x2A, -4032 * 8),
    ],
)
def test_decoder_values(law: Law, code: int, value: int) -> None:
    assert g711.decode(np.array([code], np.uint8), law).tolist() == [value]


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_every_byte_survives_decoding_and_encoding(law: Law) -> None:
    codes = np.arange(256, dtype=np.uint8)
    again = g711.encode(g711.decode(codes, law), law)
    different = codes[codes != again]
    assert different.tolist() == ([0x7F] if law == "ulaw" else [])  # u-law has a negative zero


@given(pcm=st.integers(-32768, 32767), law=st.sampled_from(["ulaw", "alaw"]))
def test_the_error_is_at_most_half_a_step(pcm: int, law: Law) -> None:
    one = np.array([pcm], np.int16)
    came = int(g711.decode(g711.encode(one, law), law)[0])
    top = 32635 if law == "ulaw" else 32767
    clipped = max(-top, min(top, pcm))
    assert abs(came - clipped) <= max(8, abs(clipped) / 31 + 4)
    assert came * pcm >= 0 or abs(pcm) <= 8


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_louder_never_comes_out_quieter(law: Law) -> None:
    pcm = np.arange(-32768, 32768).astype(np.int16)
    assert (np.diff(g711.decode(g711.encode(pcm, law), law).astype(int)) >= 0).all()
