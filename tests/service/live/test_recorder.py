import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from service.live.talk import as_float, spoken
from tonewatch.core.errors import StoreError
from tonewatch.service.live.recorder import Recorded, Recorder, mend

_CUT_OFF = """
import os, sys, time
from pathlib import Path
import numpy as np
from tonewatch.service.live.recorder import Recorder
recorder = Recorder(Path(sys.argv[1]), print, print)
recorder.start()
take = recorder.open("c", 2)
samples = np.load(sys.argv[2])
take(samples)
while recorder.waiting:
    time.sleep(0.05)
os._exit(9)
"""


def test_recording_is_what_came(tmp_path: Path) -> None:
    done: list[Recorded] = []
    recorder = Recorder(tmp_path, done.append, lambda lost_s: None)
    recorder.start()
    samples = spoken(3)
    take, other = recorder.open("c", 1), recorder.open("empty", 1)
    assert callable(other)
    take(as_float(samples[:20_000, None]))
    take(16_000)
    take(as_float(samples[20_000:, None]))
    for call_id in ("c", "empty", "unknown"):
        recorder.close(call_id)
    recorder.stop()
    assert done == [Recorded("c", tmp_path / "c.flac", 64_000, 1)]
    audio, _ = soundfile.read(done[0].path, dtype="int16")
    silence = np.zeros(16_000, np.int16)
    np.testing.assert_array_equal(
        audio, np.concatenate([samples[:20_000], silence, samples[20_000:]])
    )


def test_disk_that_is_too_slow_costs_sound_and_no_time(tmp_path: Path) -> None:
    done: list[Recorded] = []
    lost: list[float] = []
    recorder = Recorder(tmp_path, done.append, lost.append)
    take = recorder.open("c", 1)
    for _ in range(30):
        take(np.full((16_000, 1), 0.5, np.float32))
    recorder.close("c")
    recorder.start()
    recorder.stop()
    assert sum(lost) == 9.0
    assert done[0].n_samples == 30 * 16_000


def test_recording_that_was_cut_off_is_mended(tmp_path: Path) -> None:
    samples = np.stack([spoken(4), spoken(4, "sad")], axis=1)
    np.save(tmp_path / "samples.npy", as_float(samples))
    folder = tmp_path / "recordings"
    command = [sys.executable, "-c", _CUT_OFF, str(folder), str(tmp_path / "samples.npy")]
    assert subprocess.run(command, timeout=300).returncode == 9
    whole = mend(folder / "c.flac")
    assert whole is not None
    assert (whole.call_id, whole.channels) == ("c", 2)
    audio, _ = soundfile.read(whole.path, dtype="int16")
    assert len(audio) == whole.n_samples >= len(samples) - 2 * 1152
    np.testing.assert_array_equal(audio, samples[: len(audio)])


def test_nothing_can_be_mended_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "c.flac").write_bytes(b"")
    (tmp_path / "d.flac").write_bytes(b"fLaC and no more")
    assert mend(tmp_path / "c.flac") is None
    assert mend(tmp_path / "d.flac") is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_recording_on_a_full_disk_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(-9_000, 9_000, 160_000).astype(np.int16)
    soundfile.write(tmp_path / "c.flac", noise, 16_000)
    (tmp_path / "c.flac.whole").symlink_to("/dev/full")
    with pytest.raises(StoreError, match="cannot write"):
        mend(tmp_path / "c.flac")
    with pytest.raises(OSError):
        mend(tmp_path / "away.flac")
