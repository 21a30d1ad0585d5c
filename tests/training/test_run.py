import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tonewatch.core.errors import SettingsError, TrainingError
from tonewatch.corpora import read_corpus
from tonewatch.corpora.table import Table, Utterance
from tonewatch.inference.bundle import load_bundle
from tonewatch.inference.evaluation import evaluate
from tonewatch.inference.recording import analyze
from tonewatch.inference.scores import Predictions
from tonewatch.training.answers import (
    among,
    calibrated,
    cross_fitted,
    fit_answers,
    packed,
    unpacked,
)
from tonewatch.training.augment import AugmentSettings
from tonewatch.training.calibrate import Fit, sharpen
from tonewatch.training.dataset import Dataset
from tonewatch.training.material import Material, RunSettings, WindowRun, gather, group_of
from tonewatch.training.networks.mfcc_cnn import MfccCnn
from tonewatch.training.run import run, run_part
from tonewatch.training.window_loop import WindowTraining
from tonewatch.training.windows import WindowSettings
from training.small_run import SETTINGS, gathered

# Trains until the second fold has had one epoch, and ends as a power cut ends it.
KILLED = """
import os, signal, sys
from pathlib import Path
from training.small_run import SETTINGS, gathered
from tonewatch.training.run import run
voices, frames, out = map(Path, sys.argv[1:])
started = []
def on_epoch(epoch):
    if len(started) == 2 and epoch.number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
run(gathered(voices, frames), SETTINGS, out,
    on_start=lambda name, epochs: started.append(name), on_epoch=on_epoch)
"""


@pytest.fixture(scope="module")
def finished(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing stopped."""
    out = tmp_path_factory.mktemp("finished") / "run"
    run(material, SETTINGS, out)
    return out


def scores_of(out: Path) -> Any:
    """The report without its times."""
    plain = json.loads((out / "report.json").read_text("utf-8"))
    for fold in plain["folds"]:
        del fold["seconds"]
        for epoch in fold["history"]:
            del epoch["seconds"]
    return plain


def answers_of(folder: Path) -> dict[str, Predictions]:
    with np.load(folder / "answers.npz") as packed:
        return unpacked(packed)


def answers(
    probabilities: list[list[float]], target: list[int], labels: tuple[str, ...]
) -> Predictions:
    n = len(target)
    return Predictions(
        labels,
        np.array(probabilities, np.float64),
        np.array(target, np.int64),
        np.zeros(n, bool),
        tuple(f"mine:{i}" for i in range(n)),
        (None,) * n,
        ("mine",) * n,
        tuple(f"{i}.wav" for i in range(n)),
    )


def test_a_run_writes_report_folds_and_bundle(finished: Path) -> None:
    assert {path.name for path in finished.iterdir()} >= {
        "report.html", "report.json", "speaker-1", "speaker-2", "final", "bundle",
    }  # fmt: skip
    pictures = list(finished.glob("*.png"))
    assert pictures
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    report = json.loads((finished / "report.json").read_text("utf-8"))
    assert list(report["conditions"]) == ["mine, clean", "mine, telephone"]
    assert report["conditions"]["mine, clean"]["pooled"]["n"] == 24
    assert report["notes"][0] == "left out, no label in the scheme: wistful (1)"
    assert not report["leaky"]
    assert [len(fold["history"]) for fold in report["folds"]] == [3, 3]
    info = load_bundle(finished / "bundle").info
    assert info.training["speakers"] == [f"mine:s{i}" for i in range(6)]
    assert "mine, telephone" in info.metrics
    assert info.licence == "CC0-1.0"


def test_a_label_that_no_recording_has_is_never_answered(finished: Path, voices: Path) -> None:
    report = json.loads((finished / "report.json").read_text("utf-8"))
    untaught = sorted(set(report["labels"]) - {"angry", "sad"})
    assert f"no recording has them, so never answered: {', '.join(untaught)}" in report["notes"]
    assert "Hears which of 2 emotions" in (finished / "bundle" / "card.md").read_text("utf-8")
    for bundle in (finished / "bundle", finished / "speaker-1" / "bundle"):
        emotion = analyze(voices / "sad" / "s0" / "0.wav", bundle=bundle).emotion
        assert emotion is not None
        assert sum(emotion.probabilities[label] for label in ("angry", "sad")) > 1 - 1e-6


def test_voices_that_differ_this_much_are_told_apart(finished: Path) -> None:
    report = json.loads((finished / "report.json").read_text("utf-8"))
    assert report["conditions"]["mine, clean"]["uar_mean_over_folds"] > 0.7


def test_every_speaker_is_tested_once_by_a_network_that_did_not_hear_it(finished: Path) -> None:
    tested: list[str | None] = []
    for name in ("speaker-1", "speaker-2"):
        here = set(answers_of(finished / name)["mine, clean"].speakers)
        training = load_bundle(finished / name / "bundle").info.training
        trained, validated = set(training["speakers"]), set(training["validation_speakers"])
        assert not here & (trained | validated)
        assert not trained & validated
        tested += here
    assert sorted(map(str, tested)) == [f"mine:s{i}" for i in range(6)]


@pytest.mark.parametrize("condition", [None, "telephone"])
def test_calibrated_answers_are_those_of_the_fold_s_bundle(
    finished: Path, voices: Path, condition: Any
) -> None:
    folder = finished / "speaker-1"
    fit = Fit(**json.loads((folder / "fold.json").read_text())["fit"])
    stored = calibrated(answers_of(folder)[f"mine, {condition or 'clean'}"], fit)
    assert fit.n > 0
    assert stored.answered.any()
    by_path = {str(u.path): u for u in read_corpus("mine:folders", voices).utterances}
    table = Table(tuple(by_path[str(path)] for path in stored.paths))
    heard = evaluate(load_bundle(folder / "bundle"), table, channel_sim=condition).predictions
    assert heard.paths == stored.paths
    np.testing.assert_array_equal(heard.target, stored.target)
    np.testing.assert_allclose(heard.probabilities, stored.probabilities, atol=1e-5)
    clear = np.abs(stored.confidence - fit.threshold) > 1e-4
    np.testing.assert_array_equal(heard.certain[clear], stored.certain[clear])


def test_a_killed_run_goes_on_to_the_same_end(
    finished: Path, material: Material, voices: Path, frames: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    tests = Path(__file__).parents[1]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, voices, frames, out],
        capture_output=True,
        text=True,
        cwd=tests,
        timeout=300,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2_000:]
    done, under_way = out / "speaker-1" / "fold.json", out / "speaker-2"
    written = done.stat().st_mtime_ns
    assert (under_way / "checkpoint.pt").exists()
    assert not (under_way / "fold.json").exists()
    assert not (out / "report.json").exists()
    with pytest.raises(TrainingError, match="--resume"):
        run(material, SETTINGS, out)

    told: list[tuple[str, int]] = []
    run(
        material,
        SETTINGS,
        out,
        resume=True,
        on_start=lambda name, epochs: told.append((name, -1)),
        on_epoch=lambda epoch: told.append((told[-1][0], epoch.number)),
    )
    assert done.stat().st_mtime_ns == written
    numbers = {name: [n for who, n in told if who == name] for name, _ in told}
    assert numbers == {"speaker-1": [-1], "speaker-2": [-1, 1, 2], "final": [-1, 0, 1, 2]}
    assert scores_of(out) == scores_of(finished)
    ours, theirs = load_bundle(out / "bundle").info, load_bundle(finished / "bundle").info
    assert ours.model_sha256 == theirs.model_sha256
    assert ours.calibration == theirs.calibration


def test_resuming_with_other_settings_is_refused(finished: Path, material: Material) -> None:
    other = replace(SETTINGS, train=replace(SETTINGS.train, steps=13))
    with pytest.raises(TrainingError, match="what it was begun with"):
        run(material, other, finished, resume=True)


def test_a_start_that_heard_the_tested_speakers_is_refused(
    finished: Path, material: Material, tmp_path: Path
) -> None:
    plain = replace(SETTINGS, first_folds=1, final=False, start=str(finished))
    brief = replace(plain, train=replace(SETTINGS.train, epochs=1))
    (fold,) = run(material, brief, tmp_path / "mine").folds
    assert len(fold.history) == 1
    swapped = tmp_path / "swapped"
    for own, other in (("speaker-1", "speaker-2"), ("speaker-2", "speaker-1")):
        shutil.copytree(finished / own, swapped / other)
    with pytest.raises(TrainingError, match="has not heard"):
        run(material, replace(brief, start=str(swapped)), tmp_path / "theirs")


def test_parts_that_are_put_together_are_the_whole_run(
    material: Material, finished: Path, tmp_path: Path
) -> None:
    epochs: list[int] = []
    for part in ("final", "2", "1"):
        run_part(material, SETTINGS, tmp_path, part, on_epoch=lambda e: epochs.append(e.number))
    assert epochs == [0, 1, 2] * 3
    assert not (tmp_path / "report.json").exists()
    with pytest.raises(TrainingError, match="expected an empty folder"):
        run_part(material, SETTINGS, tmp_path, "2")
    run(material, SETTINGS, tmp_path, resume=True, on_epoch=lambda e: epochs.append(e.number))
    assert len(epochs) == 9
    assert scores_of(tmp_path) == scores_of(finished)
    assert (tmp_path / "bundle" / "model.onnx").read_bytes() == (
        finished / "bundle" / "model.onnx"
    ).read_bytes()


@pytest.mark.parametrize("part", ["0", "3", "last", ""])
def test_a_part_that_the_run_does_not_have_is_refused(
    material: Material, tmp_path: Path, part: str
) -> None:
    with pytest.raises(TrainingError, match="a part among 1, 2, final"):
        run_part(material, SETTINGS, tmp_path, part)


def test_only_the_first_folds_without_a_final_network(material: Material, tmp_path: Path) -> None:
    short = replace(SETTINGS.train, epochs=1, steps=1)
    settings = replace(SETTINGS, folds="random:2", first_folds=1, final=False, train=short)
    report = run(material, settings, tmp_path / "run")
    assert report.leaky
    assert [fold.name for fold in report.folds] == ["random-1"]
    assert "of which only the first 1" in report.protocol
    assert "LEAKY" in report.protocol
    assert "neither trained on nor tested" not in report.protocol
    assert not (tmp_path / "run" / "bundle").exists()


def test_a_network_that_hears_no_speech_is_reported_and_not_calibrated(
    material: Material, tmp_path: Path
) -> None:
    assert isinstance(material.dataset, Dataset)
    silent = replace(
        material, dataset=replace(material.dataset, speech=np.zeros_like(material.dataset.speech))
    )
    settings = replace(SETTINGS, first_folds=1, final=True)
    report = run(silent, settings, tmp_path / "run")
    assert report.conditions[0].uar == 0
    assert fit_answers(answers_of(tmp_path / "run" / "speaker-1")).n == 0
    assert load_bundle(tmp_path / "run" / "bundle").info.calibration.temperature == 1


def test_a_bundle_cannot_have_labels_that_are_not_learnt(voices: Path, frames: Path) -> None:
    with pytest.raises(SettingsError, match="emotion9 has bored too"):
        gathered(voices, frames, replace(SETTINGS, bundle_scheme="emotion9"))


def test_nothing_with_a_label_is_an_error_that_says_what_there_was(
    voices: Path, frames: Path
) -> None:
    table = read_corpus("mine:folders", voices)
    wistful = Table(tuple(u for u in table.utterances if u.emotion == "wistful"))
    with pytest.raises(TrainingError, match=r"wistful.*1.*another scheme"):
        gather(wistful, Table(()), Table(()), SETTINGS, frames)


def test_song_is_a_group_of_its_own() -> None:
    spoken = Utterance(Path("a.wav"), "sad", "ravdess:01", "male", "en", "ravdess")
    assert group_of(spoken) == "ravdess"
    assert group_of(replace(spoken, extra={"channel": "speech"})) == "ravdess"
    assert group_of(replace(spoken, extra={"channel": "song"})) == "ravdess_song"


def test_answers_among_fewer_labels() -> None:
    given = answers(
        [[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.0, 0.0, 0.0], [0.6, 0.2, 0.2]],
        [0, 2, 0, 1],
        ("happy", "sad", "angry"),
    )
    kept = among(given, ("angry", "happy"))
    assert kept.labels == ("angry", "happy")
    assert kept.paths == ("0.wav", "1.wav", "2.wav")
    assert kept.target.tolist() == [1, 0, 1]
    np.testing.assert_allclose(kept.probabilities, [[2 / 7, 5 / 7], [8 / 9, 1 / 9], [0.0, 0.0]])
    everything = among(given, given.labels)
    np.testing.assert_allclose(everything.probabilities, given.probabilities)


def test_calibration_looks_at_the_groups_with_all_labels_where_there_are_any() -> None:
    labels = ("happy", "sad", "angry")
    whole = answers([[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.6, 0.2, 0.2]], [0, 1, 2], labels)
    easy = answers([[0.9, 0.1, 0.0]] * 50, [0] * 50, labels)
    assert fit_answers({"whole": whole, "easy": easy}) == fit_answers({"whole": whole})
    assert fit_answers({"easy": easy}).n == 50
    assert fit_answers({"whole": whole, "easy": easy}, ("happy",)).n == 53


def test_cross_fitting_applies_to_each_fold_what_the_others_say() -> None:
    # All say 0.9. In the first fold all are right, in the second half of them.
    sure = [[0.9, 0.1]] * 8
    right = {"clean": answers(sure, [0] * 8, ("happy", "sad"))}
    half = {"clean": answers(sure, [0, 1] * 4, ("happy", "sad"))}
    flat, steep = fit_answers(half), fit_answers(right)
    low, high = (sharpen(np.array([[0.9, 0.1]]), fit.temperature)[0, 0] for fit in (flat, steep))
    assert (low, high) == pytest.approx((0.635, 0.999), abs=0.002)
    came = cross_fitted([right, half], [])["clean"]
    assert came["ece"] == pytest.approx(((1 - low) + (high - 0.5)) / 2, abs=1e-6)
    assert came["certain_share"] == 1
    assert came["certain_accuracy"] == 0.75
    assert came["uar"] == pytest.approx((12 / 12 + 0 / 4) / 2)


def test_no_answer_is_never_certain_and_stays_none() -> None:
    given = answers([[0.0, 0.0], [0.8, 0.2]], [0, 0], ("happy", "sad"))
    came = calibrated(given, Fit(2.0, 0.0, 1.0, 0.0, 1))
    assert came.certain.tolist() == [False, True]
    np.testing.assert_allclose(came.probabilities, [[0.0, 0.0], [2 / 3, 1 / 3]])


def test_answers_survive_their_file(tmp_path: Path) -> None:
    given = {
        "a/b, clean": answers([[0.5, 0.5]], [1], ("happy", "sad")),
        "c, clean": replace(answers([[0.5, 0.5]], [1], ("happy", "sad")), sexes=("male",)),
    }
    np.savez(tmp_path / "answers.npz", **packed(given))  # type: ignore[arg-type]
    came = answers_of(tmp_path)
    assert list(came) == list(given)
    for name, part in came.items():
        for key, value in vars(given[name]).items():
            np.testing.assert_array_equal(vars(part)[key], value)


def test_a_single_fold_is_calibrated_by_its_own_validation() -> None:
    fold = {"clean": answers([[0.9, 0.1]] * 2, [0, 1], ("happy", "sad"))}
    came = cross_fitted([fold], [Fit(1.0, 0.95, 0.0, 0.0, 2)])["clean"]
    assert came["certain_share"] == 0
    assert came["ece"] == pytest.approx(0.4)


@pytest.fixture(scope="module")
def windowed(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunSettings, Path]:
    """Settings and folder of a run of a network that hears whole windows."""
    folder = tmp_path_factory.mktemp("windowed")
    settings = replace(
        SETTINGS,
        first_folds=1,
        window=WindowRun(
            MfccCnn(filters=(4, 8)),
            WindowTraining(epochs=4, steps=12, batch_size=12, learning_rate=5e-3),
            WindowSettings(augment=replace(AugmentSettings(), copies=2)),
        ),
    )
    run(gathered(voices, folder / "windows", settings), settings, folder / "run")
    return settings, folder


def test_a_network_of_whole_windows_goes_the_same_way(windowed: tuple[RunSettings, Path]) -> None:
    _, folder = windowed
    report = json.loads((folder / "run" / "report.json").read_text("utf-8"))
    assert report["conditions"]["mine, clean"]["uar_mean_over_folds"] > 0.7
    assert report["settings"]["network"] == "mfcc_cnn"
    assert report["settings"]["window"]["train"]["batch_size"] == 12
    assert not {"train", "dataset"} & set(report["settings"])
    bundle = load_bundle(folder / "run" / "bundle")
    assert (bundle.info.kind, bundle.info.window_s) == ("window", 3.0)
    assert bundle.info.training["speakers"] == [f"mine:s{i}" for i in range(6)]
    assert bundle.info.calibration.temperature != 1
    assert "in windows of 3 s" in bundle.card


def test_a_run_of_whole_windows_is_resumed_or_refused(
    windowed: tuple[RunSettings, Path], voices: Path
) -> None:
    settings, folder = windowed
    material = gathered(voices, folder / "windows", settings)
    before = load_bundle(folder / "run" / "bundle").sha256
    run(material, settings, folder / "run", resume=True)
    assert load_bundle(folder / "run" / "bundle").info.model_sha256
    assert before == load_bundle(folder / "run" / "bundle").sha256
    assert settings.window is not None
    other = replace(settings.window, train=replace(settings.window.train, steps=13))
    with pytest.raises(TrainingError, match="what it was begun with"):
        run(material, replace(settings, window=other), folder / "run", resume=True)
