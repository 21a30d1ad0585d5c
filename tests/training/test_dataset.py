import multiprocessing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audio.recordings import speech_like, write
from tonewatch.audio.decode import load
from tonewatch.audio.features import extract
from tonewatch.audio.telephone import telephone
from tonewatch.core.errors import TrainingError
from tonewatch.corpora.table import Utterance
from tonewatch.inference.evaluation import CHANNEL_SIMS
from tonewatch.training.augment import AugmentSettings
from tonewatch.training.dataset import Dataset, DatasetSettings, build

SETTINGS = DatasetSettings(augment=AugmentSettings(copies=4), longest_s=1.0)


def utterance(path: Path, corpus: str = "mine") -> Utterance:
    return Utterance(path, "happy", f"{corpus}:{path.stem}", None, "", corpus)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    """Two recordings, one too long, a text, one too short, and a hum that is noise."""
    folder = tmp_path_factory.mktemp("recordings")
    bad = folder / "bad.wav"
    bad.write_text("not a recording")
    hum = 0.1 * np.sin(2 * np.pi * 100 * np.arange(16_000) / 16_000).astype(np.float32)
    return [
        utterance(write(folder / "one.wav", speech_like(0.7, 16_000), 16_000)),
        utterance(write(folder / "long.flac", speech_like(1.6, 22_050, seed=1), 22_050)),
        utterance(bad),
        utterance(write(folder / "short.wav", speech_like(0.02, 16_000), 16_000)),
        utterance(write(folder / "hum.wav", hum, 16_000), "noise"),
    ]


@pytest.fixture(scope="module")
def made(recordings: list[Utterance], tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    cache = tmp_path_factory.mktemp("cache")
    noises = [recordings[4].path, recordings[2].path]
    return build(recordings, noises, SETTINGS, cache, jobs=1)


def as_the_analyser(samples: np.ndarray) -> np.ndarray:
    """Frames of float16, each ending where a hop ends."""
    lead = SETTINGS.features.pitch_samples - SETTINGS.features.hop_samples
    frames = extract(np.concatenate([np.zeros(lead, np.float32), samples]), SETTINGS.features)
    return frames.astype(np.float16)


def copy_of(dataset: Dataset, index: int, copy: int) -> np.ndarray:
    begin = dataset.begin[index, copy]
    return dataset.frames[begin : begin + dataset.length[index, copy]]


def test_copy_0_is_the_recording(made: Dataset, recordings: list[Utterance]) -> None:
    expected = as_the_analyser(load(recordings[0].path))
    np.testing.assert_array_equal(copy_of(made, 0, 0), expected)
    assert len(expected) == 70  # 0.7 s: one frame a hop


def test_copy_1_is_the_standard_telephone_line(made: Dataset, recordings: list[Utterance]) -> None:
    rng = np.random.default_rng([SETTINGS.seed, 0])
    line = telephone(load(recordings[0].path), CHANNEL_SIMS["telephone"], rng=rng)
    np.testing.assert_array_equal(copy_of(made, 0, 1), as_the_analyser(line))


def test_the_other_copies_differ(made: Dataset) -> None:
    assert made.begin.shape == made.length.shape == (5, 4)
    first, second = copy_of(made, 0, 2), copy_of(made, 0, 3)
    assert first.shape != second.shape or not np.array_equal(first, second)


def test_recordings_are_cut_to_the_longest(made: Dataset) -> None:
    assert made.length[1, 0] == 100


def test_what_cannot_be_read_is_told_and_has_no_frames(made: Dataset) -> None:
    assert not made.length[2].any()
    assert not made.length[3].any()
    assert len(made.problems) == 2
    assert "bad.wav" in made.problems[0]
    assert "shorter than one frame" in made.problems[1]


def test_speech_is_marked_and_noise_is_not_speech(made: Dataset) -> None:
    def share(index: int) -> float:
        begin = made.begin[index, 0]
        return float(made.speech[begin : begin + made.length[index, 0]].mean())

    assert 0.3 < share(0) <= 1
    assert share(4) == 0
    assert len(made.speech) == len(made.frames) == made.length.sum()


def test_the_spread_is_that_of_copies_0_and_1(made: Dataset) -> None:
    rows = [copy_of(made, i, copy).astype(np.float64) for i in (0, 1) for copy in (0, 1)]
    np.testing.assert_allclose(made.spread([0, 1]), np.concatenate(rows).std(0), atol=1e-4)


def test_a_second_build_opens_the_cache_and_other_settings_do_not(
    recordings: list[Utterance], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = recordings[:1]
    first = build(few, [], SETTINGS, tmp_path, jobs=1)
    (folder,) = tmp_path.iterdir()
    assert not (folder / "frames.raw").exists()
    written = (folder / "frames.npy").stat().st_mtime_ns
    with monkeypatch.context() as patch:
        # Opening starts no process.
        patch.setattr(multiprocessing.Process, "start", None)
        again = build(few, [], SETTINGS, tmp_path, jobs=1)
    np.testing.assert_array_equal(first.frames, again.frames)
    assert (folder / "frames.npy").stat().st_mtime_ns == written
    # A kill leaves a folder without its last file: it is made anew, and the same.
    (folder / "done.json").unlink()
    anew = build(few, [], SETTINGS, tmp_path, jobs=1)
    np.testing.assert_array_equal(first.frames, anew.frames)
    other = build(few, [], replace(SETTINGS, seed=2), tmp_path, jobs=1)
    assert len(list(tmp_path.iterdir())) == 2
    np.testing.assert_array_equal(copy_of(other, 0, 0), copy_of(first, 0, 0))


def test_nothing_readable_is_an_error(recordings: list[Utterance], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"none of 1 .*bad\.wav"):
        build([recordings[2]], [], SETTINGS, tmp_path, jobs=1)
