from pathlib import Path

import numpy as np
import pytest
import soundfile

from tonewatch.audio.decode import load, probe
from tonewatch.audio.g711 import encode
from tonewatch.core.errors import NotAudioError, SettingsError, TruncatedAudioError
from tonewatch.service.intake import take

RATE_HZ = 8_000


def noise(seconds: float, channels: int = 1) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    shape = (round(seconds * RATE_HZ), channels)
    return np.random.default_rng(0).uniform(-1, 1, shape)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "ULAW"])
@pytest.mark.parametrize("channels", [1, 2])
def test_pcm_becomes_flac_that_sounds_the_same(tmp_path: Path, subtype: str, channels: int) -> None:
    path = tmp_path / "call"
    soundfile.write(path, noise(2.3, channels), RATE_HZ, subtype, format="WAV")
    taken = take(path, 60, to_flac=True)
    bits = "24" if subtype == "PCM_24" else "16"
    assert (taken.rate_hz, taken.channels, taken.codec) == (RATE_HZ, channels, "flac")
    assert taken.duration_s == 2.3
    assert taken.path == tmp_path / "call.flac"
    assert probe(taken.path).codec == f"PCM_{bits}"
    for channel in range(channels):
        assert np.array_equal(load(taken.path, channel=channel), load(path, channel=channel))


def test_bare_g711_is_known_by_its_ending(tmp_path: Path) -> None:
    path = tmp_path / "call.ulaw"
    samples = (noise(1.5)[:, 0] * 32_767).astype(np.int16)
    path.write_bytes(encode(samples, "ulaw").tobytes())
    taken = take(path, 60, to_flac=True)
    assert (taken.duration_s, taken.codec) == (1.5, "flac")
    assert np.array_equal(load(taken.path), load(path))


@pytest.mark.parametrize(
    ("container", "subtype"), [("WAV", "FLOAT"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")]
)
def test_what_flac_would_not_better_stays(tmp_path: Path, container: str, subtype: str) -> None:
    path = tmp_path / "call"
    soundfile.write(path, noise(1), RATE_HZ, subtype, format=container)
    taken = take(path, 60, to_flac=True)
    assert taken.path == path
    assert taken.duration_s == pytest.approx(1, abs=0.02)


def test_without_flac_all_stays(tmp_path: Path) -> None:
    path = tmp_path / "call"
    soundfile.write(path, noise(1), RATE_HZ, "PCM_16", format="WAV")
    assert take(path, 60, to_flac=False).path == path


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_length_has_a_limit(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "call"
    soundfile.write(path, noise(5), RATE_HZ, subtype, format="WAV")
    assert take(path, 5, to_flac=True).duration_s == 5
    with pytest.raises(SettingsError, match="at most 4 s"):
        take(path, 4, to_flac=True)


def test_what_cannot_be_heard_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "call"
    path.write_text("not a recording")
    with pytest.raises(NotAudioError):
        take(path, 60, to_flac=True)
    soundfile.write(path, noise(5), RATE_HZ, "PCM_16", format="WAV")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(TruncatedAudioError):
        take(path, 60, to_flac=True)
