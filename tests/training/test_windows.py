from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio.recordings import speech_like, write
from tonewatch import Analyser, Predictor
from tonewatch.core.errors import TrainingError
from tonewatch.core.events import EmotionEstimated, NoSpeech
from tonewatch.corpora import read_corpus
from tonewatch.corpora.table import Table, Utterance
from tonewatch.training.augment import AugmentSettings
from tonewatch.training.material import RunSettings, WindowRun, gather
from tonewatch.training.networks import ssl
from tonewatch.training.networks.mfcc_cnn import MfccCnn
from tonewatch.training.networks.ssl import Ssl
from tonewatch.training.networks.td_cnn_lstm import TdCnnLstm
from tonewatch.training.windows import WindowDataset, WindowSettings, build_windows, cuts
from training.small_networks import SMALL, write_backbone
from voices import voice

SETTINGS = WindowSettings(augment=replace(AugmentSettings(), copies=3))


def utterance(path: Path, corpus: str = "mine") -> Utterance:
    return Utterance(path, "sad", f"{corpus}:a", "male", "en", corpus)


def recorded(folder: Path, name: str, seconds: float, seed: int = 0) -> Utterance:
    path = folder / f"{name}.wav"
    write(path, speech_like(seconds, 16_000, seed=seed), 16_000)
    return utterance(path)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[WindowDataset, list[Utterance], Path]:
    folder = tmp_path_factory.mktemp("windows")
    found = [recorded(folder, "long", 5.2), recorded(folder, "short", 1.1, 1)]
    (folder / "none.wav").write_bytes(b"no audio")
    found.append(utterance(folder / "none.wav"))
    write(folder / "click.wav", np.ones(900, np.float32), 16_000)
    found.append(utterance(folder / "click.wav"))
    (folder / "hush.wav").touch()
    noises = [folder / "hush.wav"]
    made = build_windows(found, noises, MfccCnn(), SETTINGS, folder / "cache", jobs=1)
    return made, found, folder


def test_every_copy_has_its_windows_and_what_cannot_be_read_is_told(
    built: tuple[WindowDataset, list[Utterance], Path],
) -> None:
    dataset, _, _ = built
    # 5.2 s are [0, 3], [1, 4], [2, 5] and no more than 0.2 s after that.
    assert dataset.length[:2, :2].tolist() == [[3, 3], [1, 1]]
    assert dataset.length[2:].sum() == 0
    assert len(dataset.features) == dataset.length.sum()
    assert dataset.features.dtype == np.float32
    assert len(dataset.problems) == 3
    assert "hush.wav" in dataset.problems[0], "a noise to mix in"
    assert "shorter than 0.08 s" in dataset.problems[2]


def test_the_first_copy_is_the_recording_as_the_network_takes_it(
    built: tuple[WindowDataset, list[Utterance], Path],
) -> None:
    dataset, found, _ = built
    from tonewatch.audio.decode import load

    samples = load(found[0].path)
    begin = dataset.begin[0, 0]
    for number, start_s in enumerate((0, 1, 2)):
        expected = MfccCnn().features(samples[start_s * 16_000 : (start_s + 3) * 16_000])
        np.testing.assert_allclose(dataset.features[begin + number], expected, atol=1e-4)
    assert not np.allclose(dataset.features[begin], dataset.features[dataset.begin[0, 1]], atol=1)


def test_the_cache_serves_and_other_settings_have_their_own(
    built: tuple[WindowDataset, list[Utterance], Path],
) -> None:
    dataset, found, folder = built
    noises = [folder / "hush.wav"]
    again = build_windows(found, noises, MfccCnn(), SETTINGS, folder / "cache", jobs=1)
    np.testing.assert_array_equal(again.features, dataset.features)
    assert len(list((folder / "cache").iterdir())) == 1
    other = replace(SETTINGS, augment=replace(SETTINGS.augment, copies=2))
    build_windows(found[:2], (), MfccCnn(), other, folder / "cache", jobs=1)
    assert len(list((folder / "cache").iterdir())) == 2


def test_other_weights_of_a_backbone_have_windows_of_their_own_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = replace(SETTINGS, hop_s=0.48, augment=replace(SETTINGS.augment, copies=2))
    found = [recorded(tmp_path, "a", 1.0)]

    def made(network: Ssl) -> NDArray[Any]:
        ssl._frozen.cache_clear()  # of one process, in which a folder's weights stay as they are
        cache = tmp_path / "cache"
        return np.asarray(build_windows(found, (), network, two, cache, jobs=1).features)

    def folders() -> int:
        return len(list((tmp_path / "cache").iterdir()))

    network = Ssl(str(write_backbone(tmp_path / "here")), **SMALL["ssl"])
    first = made(network)
    monkeypatch.chdir(tmp_path)
    for same in (replace(network, hidden=9, dropout=0.5), replace(network, backbone="here")):
        np.testing.assert_array_equal(made(same), first)
    assert folders() == 1
    weights = next((tmp_path / "here").glob("*.safetensors"))
    before = weights.read_bytes()
    weights.write_bytes(before[:-4] + np.float32(3).tobytes())
    made(network)
    assert folders() == 2
    assert replace(network, fine_tune=True).origin != network.origin


def test_large_windows_are_kept_in_half_precision(tmp_path: Path) -> None:
    network = TdCnnLstm(**SMALL["td_cnn_lstm"])
    two = replace(SETTINGS, augment=replace(SETTINGS.augment, copies=2))
    found = [recorded(tmp_path, "a", 1.0)]
    dataset = build_windows(found, (), network, two, tmp_path / "cache", jobs=1)
    assert dataset.features.dtype == np.float16
    assert dataset.features.shape[1:] == network.input.shape


def test_nothing_that_can_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "none.wav").write_bytes(b"no audio")
    with pytest.raises(TrainingError, match="none of 1 could be read"):
        build_windows(
            [utterance(tmp_path / "none.wav")], (), MfccCnn(), SETTINGS, tmp_path / "c", jobs=1
        )


@settings(max_examples=20)
@given(st.integers(1_280, 140_000))
def test_windows_lie_where_the_analyser_s_do(tiny_bundle: Path, n: int) -> None:
    samples = np.random.default_rng(n).standard_normal(n).astype(np.float32) * np.float32(0.2)
    analyser = Analyser(Predictor.load(tiny_bundle))
    events = analyser.push(samples) + analyser.finish()
    judged = [event for event in events if isinstance(event, EmotionEstimated | NoSpeech)]
    spans = [(round(e.start_s * 16_000), round(e.end_s * 16_000)) for e in judged]
    found = cuts(samples, samples, 3.0, 1.0)
    assert [len(cut) for cut in found] == [end - start for start, end in spans]
    for cut, (start, end) in zip(found, spans, strict=True):
        np.testing.assert_array_equal(cut, samples[start:end])


def test_windows_without_speech_teach_nothing() -> None:
    spoken = np.concatenate([voice("sad", 0, 0), np.zeros(64_000, np.float32)])
    found = cuts(spoken, spoken, 1.0, 1.0)
    assert len(found) == 1
    np.testing.assert_array_equal(found[0], spoken[:16_000])
    silent = np.zeros(40_000, np.float32)
    assert len(cuts(silent, silent, 1.0, 1.0)) >= 1  # a label is learnt from something


def test_only_labelled_recordings_teach_a_network_without_a_speech_head(
    voices: Path, tmp_path: Path
) -> None:
    heard = read_corpus("mine:folders", voices).utterances
    table = Table(tuple(u for u in heard if u.speaker in ("mine:s1", "mine:s2")))
    noise = Table((replace(recorded(tmp_path, "noise", 1.0), corpus="noise"),))
    run = RunSettings(folds="speaker:2", jobs=1, window=WindowRun(MfccCnn(), dataset=SETTINGS))
    material = gather(table, noise, noise, run, tmp_path / "cache")
    assert len(material.utterances) == material.n_labelled == len(material.dataset.begin)
    assert material.groups == ("mine",)
    assert material.noises == (tmp_path / "noise.wav",), "mixed in, and so not without effect"
