import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio.recordings import PYAV_FORMATS, RATE_OF, SOUNDFILE_FORMATS, speech_like, write
from tonewatch.audio import decode, g711
from tonewatch.audio.decode import AudioFile, load, probe, read_blocks, stream_16k
from tonewatch.audio.sources import AudioInfo
from tonewatch.core.errors import (
    AudioError,
    ChannelError,
    NotAudioError,
    SettingsError,
)

NOBODYS = {"MPEG_LAYER_III", "G721_32", "NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32"}
"""Subtypes of WAV that no recorder writes."""


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """The best correlation within 100 ms, as codecs delay."""
    size = min(a.size, b.size) - 3_200
    lags = np.correlate(a[: size + 3_200], b[1_600 : 1_600 + size], "valid")
    norm = np.linalg.norm(b[1_600 : 1_600 + size])
    best = int(np.argmax(lags))
    return float(lags[best] / norm / np.linalg.norm(a[best : best + size]))


@pytest.mark.parametrize("ending", [*SOUNDFILE_FORMATS, *PYAV_FORMATS])
def test_every_format_comes_back(ending: str, tmp_path: Path) -> None:
    rate_hz = RATE_OF.get(ending, 22_050)
    sent = speech_like(3, rate_hz)
    path = write(tmp_path / f"a.{ending}", sent, rate_hz)
    info = probe(path)
    assert (info.rate_hz, info.channels) == (rate_hz, 1)
    assert info.duration_s == pytest.approx(3, abs=0.15)
    came = load(path)
    assert came.dtype == np.float32
    assert came.size == pytest.approx(48_000, abs=2_400)
    expected = speech_like_16k(sent, rate_hz)
    if ending == "amr":  # keeps the spectrum and the envelope of speech, but not its waveform
        came, expected = envelope(came), envelope(expected)
        assert np.corrcoef(came[:280], expected[:280])[0, 1] > 0.95
    else:
        assert correlation(came, expected) > 0.98


def envelope(samples: np.ndarray) -> np.ndarray:
    """Levels of 10 ms frames."""
    return np.asarray(np.sqrt((samples[: samples.size // 160 * 160].reshape(-1, 160) ** 2).mean(1)))


def speech_like_16k(sent: np.ndarray, rate_hz: int) -> np.ndarray:
    import soxr

    return np.asarray(soxr.resample(sent, rate_hz, 16_000))


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "m4a", "mp4", "webm"])
def test_mix_is_the_mean_and_a_channel_is_itself(ending: str, tmp_path: Path) -> None:
    rate_hz = RATE_OF.get(ending, 44_100)
    left, right = speech_like(1, rate_hz), 0.3 * speech_like(1, rate_hz, seed=5)[::-1]
    path = write(tmp_path / f"a.{ending}", np.stack([left, right], axis=1), rate_hz)
    assert probe(path).channels == 2
    one, two = (load(path, channel=i) for i in (0, 1))
    assert np.abs(load(path) - (one + two) / 2).max() < 1e-5
    assert correlation(one, speech_like_16k(left, rate_hz)) > 0.98
    assert np.std(two) == pytest.approx(0.3 * np.std(one), rel=0.2)
    with pytest.raises(ChannelError, match="0 to 1, got 2"):
        load(path, channel=2)
    with pytest.raises(ChannelError):
        load(path, channel=-1)


@pytest.mark.parametrize("ending", [*SOUNDFILE_FORMATS, *PYAV_FORMATS])
def test_the_content_tells_not_the_extension(ending: str, tmp_path: Path) -> None:
    rate_hz = RATE_OF.get(ending, 16_000)
    path = write(tmp_path / f"a.{ending}", speech_like(0.5, rate_hz), rate_hz)
    expected = load(path)
    for name in ("a", "a.txt", "a.raw", "b.mp3", "b.wav"):
        other = path.rename(tmp_path / name)
        assert np.array_equal(load(other), expected)
        path = other


@pytest.mark.parametrize("subtype", sorted({*soundfile.available_subtypes("WAV")} - NOBODYS))
def test_every_width_of_wav(subtype: str, tmp_path: Path) -> None:
    sent = speech_like(1, 8_000)
    soundfile.write(tmp_path / "a.wav", sent, 8_000, subtype=subtype)
    came = np.concatenate(list(read_blocks(tmp_path / "a.wav")))
    assert np.corrcoef(came[: sent.size], sent)[0, 1] > 0.95


@pytest.mark.parametrize("channels", [1, 2])
def test_wav_of_64_bit_integers(channels: int, tmp_path: Path) -> None:
    sent = np.stack([speech_like(1, 8_000), -speech_like(1, 8_000)], axis=1)[:, :channels]
    data = (sent.astype(np.float64) * 2.0**63).astype("<i8").tobytes()
    shape = struct.pack("<HHIIHH", 1, channels, 8_000, 64_000 * channels, 8 * channels, 64)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + shape + b"data" + struct.pack("<I", len(data))
    riff = b"RIFF" + struct.pack("<I", len(chunks) + len(data))
    (tmp_path / "a.wav").write_bytes(riff + chunks + data)
    came = load(tmp_path / "a.wav", channel=channels - 1, rate_hz=8_000)
    assert np.array_equal(came, sent[:, -1])


@pytest.mark.parametrize("rate_hz", [1_000, 8_000, 24_414, 96_000, 192_000, 768_000])
def test_every_rate(rate_hz: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", speech_like(0.5, rate_hz), rate_hz)
    assert load(path).size == 8_000


def test_many_channels(tmp_path: Path) -> None:
    sent = speech_like(0.2, 8_000)[:, None] * np.linspace(0, 1, 64, dtype=np.float32)
    path = write(tmp_path / "a.wav", sent, 8_000)
    assert np.abs(load(path, channel=63, rate_hz=8_000) - sent[:, 63]).max() < 1e-4
    assert np.abs(load(path, rate_hz=8_000) - sent.mean(axis=1)).max() < 1e-4


@pytest.mark.parametrize("ending", list(decode.G711_EXTENSIONS))
def test_bare_g711_by_extension_and_by_argument(ending: str, tmp_path: Path) -> None:
    law = decode.G711_EXTENSIONS[ending]
    sent = speech_like(1, 8_000)
    sent[:400] = 0  # u-law silence looks like the start of an MP3 frame
    codes = g711.encode((sent * 32767).astype(np.int16), law).tobytes()
    path = tmp_path / f"a{ending.upper()}"
    path.write_bytes(codes)
    assert probe(path) == AudioInfo(8_000, 1, 1.0, law)
    came = load(path, rate_hz=8_000)
    assert np.abs(came - sent).max() < 0.03
    bare = path.rename(tmp_path / "a.bin")
    assert np.array_equal(load(bare, rate_hz=8_000, law=law), came)
    with pytest.raises(NotAudioError, match=r"name it \.ulaw or \.alaw"):
        load(bare)


@pytest.mark.parametrize(
    ("header", "frame", "rate_hz"),
    [
        (b"#!AMR\n", bytes([7 << 3 | 4]) + bytes(31), 8_000),  # RFC 4867, 12.2 kbit/s
        (b"#!AMR-WB\n", bytes([0 << 3 | 4]) + bytes(17), 16_000),  # 6.6 kbit/s
    ],
)
def test_amr_frames_by_hand(header: bytes, frame: bytes, rate_hz: int, tmp_path: Path) -> None:
    path = tmp_path / "a.amr"
    path.write_bytes(header + 50 * frame)
    assert probe(path).rate_hz == rate_hz
    assert sum(block.size for block in read_blocks(path)) == rate_hz
    (tmp_path / "none.amr").write_bytes(header)
    with pytest.raises(AudioError):
        load(tmp_path / "none.amr")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(block_s=st.floats(0.001, 4), ending=st.sampled_from(["wav", "flac", "ogg", "mp3", "m4a"]))
def test_blocks_of_any_length_hold_the_same_samples(
    tmp_path: Path, block_s: float, ending: str
) -> None:
    path = tmp_path / f"a.{ending}"
    if not path.exists():
        write(path, speech_like(2.3, 22_050), 22_050)
    whole = np.concatenate(list(read_blocks(path, block_s=100)))
    blocks = list(read_blocks(path, block_s=block_s))
    assert {block.size for block in blocks[:-1]} <= {max(1, round(block_s * 22_050))}
    assert np.array_equal(np.concatenate(blocks), whole)
    resampled = list(stream_16k(path, block_s=block_s))
    assert all(block.size for block in resampled)
    assert np.array_equal(np.concatenate(resampled), load(path))


def test_block_lengths_must_be_positive(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", speech_like(0.1, 8_000), 8_000)
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(SettingsError, match="block_s"):
            list(read_blocks(path, block_s=wrong))


def test_an_open_file_says_what_it_is_and_closes(tmp_path: Path) -> None:
    with AudioFile(write(tmp_path / "a.wav", speech_like(1, 8_000), 8_000)) as audio:
        assert audio.rate_hz == 8_000
        assert next(audio.blocks(0.25)).size == 2_000


def test_originals_of_the_corpora(shared_data: Path) -> None:
    folder = shared_data / "formats"
    rates = {}
    for path in sorted(folder.iterdir()):
        info = probe(path)
        samples = load(path)
        rates[path.name] = (info.rate_hz, info.channels)
        assert info.duration_s is not None
        assert samples.size / 16_000 == pytest.approx(info.duration_s, abs=0.1)
        assert 0.005 < samples.std() < 0.5 or 0.001 < np.abs(samples).max() <= 1.1
    assert len(rates) == 9
    assert rates["01-01-01-01-01-01-01.mp4"] == (48_000, 2)
    assert {rate for rate, _ in rates.values()} == {48_000, 24_414, 96_000}


def test_wav_and_flac_need_neither_av_nor_scipy(tmp_path: Path) -> None:
    wav = write(tmp_path / "a.wav", speech_like(1, 8_000), 8_000)
    code = (
        "import sys; from tonewatch.audio.decode import load; load(sys.argv[1]); "
        "sys.exit(bool({'av', 'scipy', 'matplotlib', 'pandas'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code, wav], check=True, timeout=60)
