"""The loop that all whole-window networks share, on features made up in memory."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tonewatch.core.errors import TrainingError
from tonewatch.training.batches import Labelling
from tonewatch.training.loop import Epoch
from tonewatch.training.networks.egemaps_svm import EgemapsSvm
from tonewatch.training.networks.mfcc_cnn import MfccCnn
from tonewatch.training.networks.port import Lesson, Solved, Stepped
from tonewatch.training.networks.stacked import Stacked, StackedModule
from tonewatch.training.window_loop import (
    TrainedWindows,
    WindowTraining,
    train_windows,
    window_scores,
)
from tonewatch.training.windows import WindowDataset
from training.tiny import two_labels

N = 40
LEARN, VALIDATE = range(28), range(28, N)
TINY = WindowTraining(epochs=4, steps=8, batch_size=16, learning_rate=3e-3)


def made_up(n: int = N, size: int = 40, copies: int = 3, seed: int = 0) -> WindowDataset:
    """One or two windows a copy; even recordings have high first features, odd ones low ones."""
    rng = np.random.default_rng(seed)
    length = rng.integers(1, 3, (n, copies))
    begin = (np.cumsum(length) - length.ravel()).reshape(n, copies)
    features = rng.normal(0, 1, (int(length.sum()), size))
    for index in range(n):
        rows = slice(begin[index, 0], begin[index, -1] + length[index, -1])
        features[rows, : size // 2] += 3 if index % 2 == 0 else -3
    # As far from zero as MFCCs are, so that nothing is learnt unless it is standardised.
    return WindowDataset((50 * features - 300).astype(np.float32), begin, length, ())


def run(
    folder: Path,
    network: Stepped | Solved | None = None,
    settings: WindowTraining = TINY,
    dataset: WindowDataset | None = None,
    **options: Any,
) -> TrainedWindows:
    folder.mkdir(exist_ok=True)
    return train_windows(
        network or MfccCnn(filters=(4, 8)),
        dataset or made_up(),
        options.pop("labelling", two_labels(N)),
        ["mine"],
        [f"s{i // 4}" for i in range(N)],
        LEARN,
        options.pop("validate", VALIDATE),
        settings,
        folder / "state.pt",
        **options,
    )


def same_weights(one: TrainedWindows, other: TrainedWindows) -> bool:
    weights = other.module.state_dict()
    return all(torch.equal(value, weights[name]) for name, value in one.module.state_dict().items())


def without_seconds(history: list[Epoch]) -> list[Epoch]:
    return [replace(epoch, seconds=0.0) for epoch in history]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> TrainedWindows:
    return run(tmp_path_factory.mktemp("whole"))


def test_two_kinds_of_features_are_learnt(whole: TrainedWindows) -> None:
    assert whole.history[-1].loss < whole.history[0].loss
    assert whole.history[whole.best_epoch].validation_uar == 1
    scores = window_scores(whole.module, made_up(seed=9), two_labels(N), range(N), "cpu")
    assert scores[2] == 1


def test_the_same_seed_trains_the_same_and_another_another(
    whole: TrainedWindows, tmp_path: Path
) -> None:
    again = run(tmp_path / "a")
    assert same_weights(whole, again)
    assert without_seconds(whole.history) == without_seconds(again.history)
    assert not same_weights(whole, run(tmp_path / "b", settings=replace(TINY, seed=2)))


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("network", [MfccCnn(filters=(4, 8)), Stacked(branches=((2, 3),) * 4)])
def test_a_killed_training_goes_on_to_the_same_network(
    tmp_path: Path, network: MfccCnn | Stacked
) -> None:
    def kill(epoch: Epoch) -> None:
        if epoch.number == 1:
            raise Killed

    dataset = made_up(size=network.means.n_coefficients)
    unbroken = run(tmp_path / "whole", network, dataset=dataset)
    with pytest.raises(Killed):
        run(tmp_path / "killed", network, dataset=dataset, on_epoch=kill)
    told: list[Epoch] = []
    resumed = run(tmp_path / "killed", network, dataset=dataset, resume=True, on_epoch=told.append)
    assert [epoch.number for epoch in told] == [2, 3]
    assert same_weights(resumed, unbroken)
    assert without_seconds(resumed.history) == without_seconds(unbroken.history)
    assert not list(tmp_path.rglob("*.part"))


def test_other_settings_and_other_networks_are_not_resumed(tmp_path: Path) -> None:
    short = replace(TINY, epochs=1, steps=1)
    run(tmp_path, settings=short)
    with pytest.raises(TrainingError, match="came batch_size=8 where it was"):
        run(tmp_path, settings=replace(short, batch_size=8), resume=True)
    with pytest.raises(TrainingError, match="expected to resume with the settings"):
        run(tmp_path, MfccCnn(filters=(4, 6)), short, resume=True)


def test_a_start_gives_its_weights(whole: TrainedWindows, tmp_path: Path) -> None:
    run(tmp_path / "first")
    still = replace(TINY, epochs=1, learning_rate=1e-12)
    again = run(tmp_path / "again", settings=still, start=tmp_path / "first" / "state.pt")
    for name, value in again.module.state_dict().items():
        torch.testing.assert_close(value, whole.module.state_dict()[name])
    with pytest.raises(TrainingError, match="to start from"):
        run(tmp_path / "none", start=tmp_path / "none.pt")
    with pytest.raises(TrainingError, match="same network"):
        run(tmp_path / "w", MfccCnn(filters=(2, 2)), start=tmp_path / "first" / "state.pt")


def test_without_validation_the_last_epoch_is_kept(tmp_path: Path) -> None:
    trained = run(tmp_path, settings=replace(TINY, epochs=2, steps=1), validate=())
    assert trained.best_epoch == 1
    assert all(math.isnan(epoch.validation_uar) for epoch in trained.history)


def test_an_epoch_without_a_loss_is_not_kept_and_blocks_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([(0.9, 0.6, 0.6), (math.nan, 0.5, 0.5), (0.5, 0.9, 0.9), (0.8, 0.7, 0.7)])
    monkeypatch.setattr("tonewatch.training.window_loop.window_scores", lambda *_: next(scores))
    assert run(tmp_path, settings=replace(TINY, steps=1)).best_epoch == 2


@pytest.mark.parametrize("validate", [VALIDATE, ()])
def test_a_training_that_diverged_is_refused(tmp_path: Path, validate: Sequence[int]) -> None:
    wild = replace(TINY, epochs=2, learning_rate=1e30)
    for resume in (False, True):
        with pytest.raises(TrainingError, match=r"diverged at the learning rate 1e\+30; lower it"):
            run(tmp_path, settings=wild, validate=validate, resume=resume)


def test_corpora_count_for_an_svm_as_their_weights_say(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    # The second corpus is labelled wrongly throughout, and has more recordings than the first.
    target, corpus = np.arange(N) % 2, (np.arange(N) >= 12).astype(np.int64)
    labelling = Labelling(np.where(corpus, 1 - target, target), corpus, np.ones((2, 2), bool))
    dataset = made_up(size=88)

    def solved(learn: range, **weights: float) -> TrainedWindows:
        settings = replace(TINY, corpus_weights=weights)
        folder = tmp_path / f"{learn} {weights}"
        folder.mkdir()
        return train_windows(
            EgemapsSvm(), dataset, labelling, ["right", "wrong"], ["alone"] * N, learn, (),
            settings, folder / "state.pt",
        )  # fmt: skip

    def right(trained: TrainedWindows) -> float:
        return window_scores(trained.module, dataset, labelling, range(12), "cpu")[1]

    assert right(solved(range(N))) < 0.5
    assert right(solved(range(N), right=20.0)) > 0.9
    assert same_weights(solved(range(N), wrong=0.0), solved(range(12)))
    assert same_weights(solved(range(N), right=3.0, wrong=3.0), solved(range(N), right=1.0))
    with pytest.raises(TrainingError, match="expected a corpus to be drawn"):
        solved(range(12), right=0.0)


def test_training_stops_without_improvement(tmp_path: Path) -> None:
    settings = replace(TINY, epochs=9, steps=1, patience=2, learning_rate=1e-12)
    assert len(run(tmp_path, settings=settings).history) == 3  # 0 is the best, 1 and 2 are not


def test_labels_that_a_corpus_lacks_are_not_guessed() -> None:
    # The module always says the third label most; the corpus knows the first two.
    class Third(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.tensor([[0.0, 1.0, 9.0]]).expand(len(x), 3)

    allowed = np.array([[True, True, False]])
    labelling = Labelling(np.ones(N, np.int64), np.zeros(N, np.int64), allowed)
    loss, accuracy, _ = window_scores(Third(), made_up(), labelling, range(N), "cpu")
    assert accuracy == 1
    assert loss == pytest.approx(math.log(1 + math.exp(-1)), abs=1e-6)


def test_a_recording_s_windows_are_judged_together() -> None:
    # Two windows: one says 0 a little, one says 1 much.
    features = np.array([[0.4, 0.0], [0.0, 3.0]] * 2, np.float32)
    dataset = WindowDataset(features, np.array([[0, 2]]), np.array([[2, 2]]), ())
    labelling = Labelling(np.array([1]), np.array([0]), np.ones((1, 2), bool))
    _, accuracy, _ = window_scores(torch.nn.Identity(), dataset, labelling, [0], "cpu")
    assert accuracy == 1


def test_the_meta_learner_and_the_cnns_learn_from_different_speakers() -> None:
    network = Stacked(branches=((2, 3),) * 4)
    torch.manual_seed(0)
    module = network.module(2)
    held_back = torch.tensor([True, False, False, True])
    target = torch.tensor([0, 1, 1, 0])

    def gradients(rows: torch.Tensor) -> dict[str, float]:
        module.zero_grad()
        features = torch.randn(4, 20, generator=torch.Generator().manual_seed(1))
        lesson = Lesson(
            features[rows], target[rows], torch.ones(2, 2, dtype=torch.bool), held_back[rows]
        )
        network.loss(module, lesson)[0].backward()
        return {name: float(p.grad.abs().sum()) for name, p in module.named_parameters() if p.grad is not None}  # fmt: skip # noqa: E501

    own, back = gradients(torch.tensor([1, 2])), gradients(torch.tensor([0, 3]))
    assert own["meta.weight"] == 0 < back["meta.weight"]
    assert own["branches.0.0.weight"] > 0 == back["branches.0.0.weight"]


def test_a_stack_holds_back_whole_speakers(tmp_path: Path) -> None:
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    @dataclass(frozen=True)
    class Watched(Stacked):
        def loss(self, module: torch.nn.Module, lesson: Lesson) -> Any:
            assert isinstance(module, StackedModule)
            seen.append((lesson.features[:, 0].numpy(), lesson.held_back.numpy()))
            return super().loss(module, lesson)

    dataset = made_up(size=20)
    # The first feature tells the recording.
    owner = np.repeat(np.arange(N), dataset.length.sum(1))
    dataset.features[:, 0] = owner
    settings = replace(TINY, epochs=2, held_back=0.25)
    run(tmp_path, Watched(branches=((2, 3),) * 4), settings, dataset)
    owners = np.concatenate([first for first, _ in seen]).astype(int)
    held = np.concatenate([flags for _, flags in seen])
    by_speaker = {s: set(held[owners // 4 == s].tolist()) for s in set((owners // 4).tolist())}
    assert all(len(flags) == 1 for flags in by_speaker.values())
    assert sum(flags == {True} for flags in by_speaker.values()) == 2  # of seven


def test_recordings_are_held_back_where_speakers_are_few(tmp_path: Path) -> None:
    trained = train_windows(
        Stacked(branches=((2, 3),) * 4),
        made_up(size=20),
        two_labels(N),
        ["mine"],
        ["alone"] * N,
        LEARN,
        VALIDATE,
        replace(TINY, epochs=8, held_back=0.25),
        tmp_path / "state.pt",
    )
    assert trained.history[trained.best_epoch].validation_uar == 1
