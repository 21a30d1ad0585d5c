"""The microphone's port: a recording gives what a device would; a machine without one says so."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soxr

from audio.recordings import speech_like, write
from tonewatch.audio.decode import load
from tonewatch.audio.encode import wav
from tonewatch.audio.microphone import DeviceMicrophone, FileMicrophone, can_play, play
from tonewatch.core.errors import AudioNotFoundError, DeviceError, SettingsError
from tonewatch.core.signal import Samples


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write(tmp_path / "take.wav", speech_like(1.25, 44_100), 44_100)


def test_a_recording_gives_blocks_of_a_tenth_of_a_second(recording: Path) -> None:
    microphone = FileMicrophone(recording)
    microphone.check()
    for _ in range(2):  # each call begins anew
        blocks = list(microphone.blocks(5.0))
        assert max(block.size for block in blocks) < 2_000
        assert len(blocks) >= 12
        np.testing.assert_array_equal(np.concatenate(blocks), load(recording))


def test_no_more_than_asked_for(recording: Path) -> None:
    heard = np.concatenate(list(FileMicrophone(recording).blocks(0.5)))
    np.testing.assert_array_equal(heard, load(recording)[:8_000])
    with pytest.raises(SettingsError):
        next(FileMicrophone(recording).blocks(0))


def test_a_recording_that_is_not_there_says_so_before(tmp_path: Path) -> None:
    with pytest.raises(AudioNotFoundError):
        FileMicrophone(tmp_path / "none.wav").check()


@pytest.mark.parametrize(
    ("preparation", "says"),
    [
        ("sys.modules['sounddevice'] = None", "tonewatch[microphone]"),
        ("sys.path.insert(0, {broken!r})", "PortAudio"),
    ],
)
def test_a_machine_without_sound_gets_a_clear_message(
    tmp_path: Path, preparation: str, says: str
) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    code = (
        "import sys\n"
        + preparation.format(broken=str(tmp_path))
        + "\nfrom tonewatch.audio.microphone import DeviceMicrophone, can_play\n"
        "assert not can_play()\n"
        "try:\n    DeviceMicrophone().check()\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("DeviceError expected")
    assert says in done.stdout
    assert "--source" in done.stdout


class Sound(ModuleType):
    """What sounddevice offers, on a machine with one input of 44.1 kHz; sound is a file's."""

    class PortAudioError(Exception):
        """As PortAudio raises."""

    def __init__(self, samples: Samples) -> None:
        super().__init__("sounddevice")
        self._left = samples
        self.played: list[tuple[Samples, int]] = []

    def query_devices(self, device: object, kind: str) -> dict[str, float]:
        if device not in (None, 3):
            raise ValueError(f"No {kind} device matching {device!r}")
        return {"default_samplerate": 44_100.0}

    @contextmanager
    def InputStream(self, **settings: object) -> Iterator["Sound"]:
        assert settings == {"samplerate": 44_100, "device": None, "channels": 1, "dtype": "float32"}
        yield self

    def read(self, size: int) -> tuple[Samples, bool]:
        if self._left.size < size:
            raise self.PortAudioError("Device unavailable")
        block, self._left = self._left[:size], self._left[size:]
        return block[:, None], False

    def play(self, samples: Samples, rate_hz: int, *, blocking: bool) -> None:
        assert blocking
        self.played.append((samples, rate_hz))


def test_a_device_gives_what_it_hears_at_16_khz(monkeypatch: pytest.MonkeyPatch) -> None:
    spoken = speech_like(1.0, 44_100)
    sound = Sound(spoken)
    monkeypatch.setitem(sys.modules, "sounddevice", sound)
    DeviceMicrophone("3").check()
    heard = np.concatenate(list(DeviceMicrophone().blocks(1.0)))
    np.testing.assert_allclose(heard, soxr.resample(spoken, 44_100, 16_000), atol=1e-4)
    with pytest.raises(DeviceError, match="Device unavailable"):
        next(DeviceMicrophone().blocks(1.0))
    with pytest.raises(DeviceError, match="No input device"):
        DeviceMicrophone("built-in").check()
    assert can_play()
    play(heard)
    ((played, rate_hz),) = sound.played
    assert (played.size, rate_hz) == (16_000, 16_000)


def test_lengths_are_checked_before_the_device_is_asked() -> None:
    with pytest.raises(SettingsError, match="above 0 s"):
        next(DeviceMicrophone("7").blocks(float("nan")))


def test_wav_is_read_back_to_the_bit_and_clips(tmp_path: Path) -> None:
    samples = np.array([0, 1 / 32768, -1, 0.5, 2, -2], np.float32)
    path = tmp_path / "a.wav"
    path.write_bytes(wav(samples))
    np.testing.assert_array_equal(
        load(path), np.array([0, 1 / 32768, -1, 0.5, 32767 / 32768, -1], np.float32)
    )
