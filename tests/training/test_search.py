import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna", reason="needs Optuna (the extra `search`)")

from tonewatch.core.errors import SettingsError, TrainingError
from tonewatch.training.material import Material, WindowRun
from tonewatch.training.networks import window_network
from tonewatch.training.overrides import settable, with_settings
from tonewatch.training.search import JOURNAL, Range, SearchSpace, Trial, search, space_of
from training.small_run import SETTINGS

SPACE = SearchSpace(
    {"train.learning_rate": Range(1e-5, 3e-2, log=True), "batch.bands": Range(0, 4)}
)
# Three folds of two speakers: in each, one of the other four is spared for validation.
SHORT = replace(SETTINGS, folds="speaker:3", train=replace(SETTINGS.train, epochs=2, steps=2))


def test_a_search_keeps_the_best_and_goes_on(material: Material, tmp_path: Path) -> None:
    told: list[Trial] = []
    first = search(material, SHORT, SPACE, tmp_path, 2, on_trial=told.append)
    assert [trial.number for trial in told] == [0, 1]
    assert first.trials == 2 and first.fold == "speaker-1"
    assert first.uar == max(trial.uar or 0 for trial in told) == told[-1].best
    best = next(trial for trial in told if trial.uar == first.uar)
    assert first.pairs == best.pairs
    with_settings(SHORT, first.pairs)
    plain = json.loads((tmp_path / "search.json").read_text())
    assert plain["set"] == list(first.pairs)
    assert plain["judged_on"] == "inner validation speakers of speaker-1"
    assert plain["unheard"].startswith("the test side of speaker-1 alone; quote that fold")
    assert {path.name for path in tmp_path.iterdir()} >= {JOURNAL, "search.json"}
    assert not (tmp_path / "trial.pt").exists()

    again = search(material, SHORT, SPACE, tmp_path, 3, on_trial=told.append)
    assert [trial.number for trial in told] == [0, 1, 2]
    assert again.trials == 3 and again.uar >= first.uar
    assert len({trial.pairs for trial in told}) == 3, "what was drawn is not drawn again"
    same = search(material, SHORT, SPACE, tmp_path, 3, on_trial=told.append)
    assert same == again and len(told) == 3

    elsewhere = replace(SHORT, jobs=2, name="other")
    assert search(material, elsewhere, SPACE, tmp_path, 3) == again
    corrected = replace(material.utterances[0], speaker="mine:s1")
    others = replace(material, utterances=(corrected, *material.utterances[1:]))
    wider = SearchSpace({**SPACE.ranges, "train.mixup": Range(0.0, 0.5)})
    for came, told_what in (
        ((material, replace(SHORT, scheme="emotion9"), SPACE), "emotion9"),
        ((others, SHORT, SPACE), " where it was "),
        ((material, SHORT, wider), "train.mixup"),
    ):
        with pytest.raises(TrainingError, match="go on with the search") as refused:
            search(*came, tmp_path, 4)
        assert told_what in str(refused.value)
        assert "train.learning_rate" not in str(refused.value), "what is the same is not told"


def test_a_hopeless_trial_is_pruned(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import optuna

    # The median needs four trials before it prunes; a threshold that none reaches does at once.
    def eager(**_: object) -> optuna.pruners.BasePruner:
        return optuna.pruners.ThresholdPruner(lower=2.0)

    monkeypatch.setattr(optuna.pruners, "MedianPruner", eager)
    told: list[Trial] = []
    with pytest.raises(TrainingError, match="all were pruned"):
        search(material, SHORT, SPACE, tmp_path, 2, on_trial=told.append)
    assert [(trial.uar, trial.epochs) for trial in told] == [(None, 1), (None, 1)]


def test_a_trial_that_diverges_is_pruned_and_ends_nothing(
    material: Material, tmp_path: Path
) -> None:
    wild = SearchSpace({"train.learning_rate": Range(1e29, 1e30, log=True)})
    told: list[Trial] = []
    with pytest.raises(TrainingError, match="all were pruned"):
        search(material, SHORT, wild, tmp_path, 1, on_trial=told.append)
    assert [(trial.uar, trial.epochs) for trial in told] == [(None, 1)]


def test_the_first_fold_s_test_side_alone_is_not_heard(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tonewatch.corpora.folds import parse_folds
    from tonewatch.training.learn import learn_from

    touched: set[int] = set()

    def spy(
        material: Material, learn: list[int], validate: list[int], *rest: Any, **more: Any
    ) -> Any:
        touched.update(learn, validate)
        return learn_from(material, learn, validate, *rest, **more)

    monkeypatch.setattr("tonewatch.training.search.learn_from", spy)
    search(material, SHORT, SPACE, tmp_path, 1)
    labelled = material.utterances[: material.n_labelled]
    first, *others = parse_folds(SHORT.folds).folds(labelled, seed=SHORT.train.seed)
    assert touched and not touched & set(first.test)
    assert all(set(fold.test) <= touched for fold in others)


def test_without_speakers_to_validate_there_is_no_search(
    material: Material, tmp_path: Path
) -> None:
    # Of three speakers nobody is spared.
    few = [i for i, u in enumerate(material.utterances) if u.speaker in ("mine:s0", "mine:s1")]
    small = replace(
        material,
        utterances=tuple(material.utterances[i] for i in few),
        n_labelled=len(few),
    )
    with pytest.raises(TrainingError, match="spared for validation"):
        search(small, replace(SHORT, folds="speaker:2"), SPACE, tmp_path, 1)


def test_a_space_of_one_s_own(tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_text('"batch.warp" = { low = 0.0, high = 0.2 }\n')
    assert SearchSpace.from_toml(file).ranges == {"batch.warp": Range(0.0, 0.2)}
    for text, told in (
        ('"batch.warp" = { low = 1.0, high = 0.2 }', "low to high"),
        ('"batch.warp" = { least = 1.0 }', "expected in"),
        ('"batch.warp" = 3', "expected in"),
        ('"augment.noise" = { low = 0.0, high = 1.0 }', "frames do not depend on"),
        ("", "frames do not depend on"),
        ("=", "expected in"),
    ):
        file.write_text(text)
        with pytest.raises(SettingsError, match=told):
            SearchSpace.from_toml(file)


def test_the_usual_space_is_what_the_network_has_of_it(tmp_path: Path) -> None:
    assert space_of(SETTINGS) == SearchSpace()
    for name in ("td_cnn_lstm", "conv1d_lstm", "mfcc_cnn", "stacked"):
        settings = replace(SETTINGS, window=WindowRun(window_network(name)))
        found = space_of(settings).ranges
        assert "train.learning_rate" in found
        assert set(found) == set(SearchSpace().ranges) & set(settable(settings))


def test_what_a_network_does_not_have_is_not_searched(material: Material, tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_text('"batch.warp" = { low = 0.0, high = 0.2 }\n')
    assert space_of(SETTINGS, file).ranges == {"batch.warp": Range(0.0, 0.2)}
    of_windows = replace(SETTINGS, window=WindowRun(window_network("mfcc_cnn")))
    with pytest.raises(SettingsError, match=r"settings of mfcc_cnn .*came batch\.warp"):
        space_of(of_windows, file)
    solved = replace(SETTINGS, window=WindowRun(window_network("egemaps_svm")))
    with pytest.raises(SettingsError, match="came egemaps_svm, which is solved at once"):
        space_of(solved)
    strange = SearchSpace({"train.volume": Range(0, 1)})
    with pytest.raises(SettingsError, match=r"train\.volume"):
        search(material, SHORT, strange, tmp_path, 1)
