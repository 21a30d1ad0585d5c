import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tonewatch.core.errors import TrainingError
from tonewatch.training.batches import BatchSettings, Labelling
from tonewatch.training.dataset import Dataset
from tonewatch.training.loop import Epoch, Trained, TrainSettings, train
from tonewatch.training.losses import masked_loss, speech_loss
from tonewatch.training.networks.stream_cnn import StreamCnnSettings
from tonewatch.training.validation import Judged, askable, central_windows, predict
from training.tiny import two_labels, two_tones

TINY = TrainSettings(
    epochs=4,
    steps=6,
    learning_rate=1e-2,
    average=0.7,
    batch=BatchSettings(size=16, shortest_frames=96, longest_frames=128, warp=0.0),
    network=StreamCnnSettings(widths=(4, 4, 8, 8), pitch_widths=(4, 4, 4), embedding=16, hidden=8),
)
N = 32
# As long as the window that validation reads.
TONES = two_tones(N, n_frames=296)
LEARN, VALIDATE = range(24), range(24, N)


def run(folder: Path, settings: TrainSettings = TINY, **options: Any) -> Trained:
    validate = options.pop("validate", VALIDATE)
    labelling = options.pop("labelling", two_labels(N))
    folder.mkdir(exist_ok=True)
    return train(
        TONES,
        labelling,
        ["tones"],
        LEARN,
        validate,
        settings,
        folder / "state.pt",
        **options,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run that nothing stopped."""
    return run(tmp_path_factory.mktemp("whole"))


class Killed(Exception):
    """Stands for the end of the process."""


def windows_of(dataset: Dataset, chosen: Sequence[int]) -> NDArray[np.float32]:
    return central_windows(dataset, chosen).astype(np.float32)


def same_weights(one: Trained, other: Trained) -> bool:
    weights = other.network.state_dict()
    return all(
        torch.equal(value, weights[name]) for name, value in one.network.state_dict().items()
    )


def without_seconds(history: list[Epoch]) -> list[Epoch]:
    return [replace(epoch, seconds=0.0) for epoch in history]


def test_the_loss_over_all_labels_is_cross_entropy() -> None:
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([0, 1, 2, 3, 0, 1])
    came = masked_loss(logits, target, torch.ones(6, 4, dtype=torch.bool), 0.1)
    expected = torch.nn.functional.cross_entropy(
        logits, target, reduction="none", label_smoothing=0.1
    )
    torch.testing.assert_close(came, expected)


def test_the_loss_over_some_labels_is_that_of_these_labels_alone() -> None:
    logits = torch.randn(3, 5, generator=torch.Generator().manual_seed(1))
    allowed = torch.tensor([[True, False, True, True, False]] * 3)
    came = masked_loss(logits, torch.tensor([0, 2, 3]), allowed, 0.2)
    expected = torch.nn.functional.cross_entropy(
        logits[:, [0, 2, 3]], torch.tensor([0, 1, 2]), reduction="none", label_smoothing=0.2
    )
    torch.testing.assert_close(came, expected)


def test_labels_that_a_corpus_lacks_and_rows_without_one_get_no_gradient() -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    allowed = torch.tensor([[True, False, True], [False, False, False]])
    loss = masked_loss(logits, torch.tensor([0, -1]), allowed, 0.1)
    assert loss[1] == 0
    loss.sum().backward()
    assert logits.grad is not None
    assert (logits.grad != 0).tolist() == [[True, False, True], [False, False, False]]


def test_two_tones_are_learnt_in_seconds(tmp_path: Path) -> None:
    told: list[Epoch] = []
    trained = run(tmp_path, replace(TINY, epochs=6), on_epoch=told.append)
    assert trained.history == told
    assert trained.history[-1].loss < trained.history[0].loss
    best = trained.history[trained.best_epoch]
    assert best.validation_uar == 1
    logits = predict(trained.network, windows_of(two_tones(N, n_frames=296, seed=9), range(N)))
    assert logits.shape == (N, 2)
    np.testing.assert_array_equal(logits.argmax(1), two_labels(N).target)


def test_the_speech_head_learns_where_the_tones_are(tmp_path: Path) -> None:
    settings = replace(TINY, epochs=20, steps=16, mixup=0.0, speech_weight=3.0, average=0.9)
    network = run(tmp_path, settings).network
    frames = two_tones(2, n_frames=160, copies=1)
    with torch.no_grad():
        _, speech = network.eval()(torch.from_numpy(frames.frames[:160].astype(np.float32))[None])
    # Frames 40 to 119 are loud; embeddings near the edges see both. What is quiet before the first
    # loud frame is not asked for: the baseline is its own level then.
    heard = speech[0].numpy() > 0
    assert heard[13:28].all()
    assert not heard[33:].any()


def test_the_same_seed_trains_the_same_network(tmp_path: Path, whole: Trained) -> None:
    again = run(tmp_path)
    assert same_weights(whole, again)
    assert without_seconds(whole.history) == without_seconds(again.history)


def test_another_seed_trains_another_network_and_does_not_read_the_old_one(
    tmp_path: Path, whole: Trained
) -> None:
    other = run(tmp_path, replace(TINY, seed=2))
    assert not same_weights(whole, other)
    assert same_weights(run(tmp_path), whole)


@pytest.mark.parametrize("killed_after", [0, 2])
def test_a_killed_run_goes_on_to_the_same_network(
    tmp_path: Path, whole: Trained, killed_after: int
) -> None:
    def kill(epoch: Epoch) -> None:
        if epoch.number == killed_after:
            raise Killed

    with pytest.raises(Killed):
        run(tmp_path, on_epoch=kill)
    told: list[Epoch] = []
    resumed = run(tmp_path, resume=True, on_epoch=told.append)
    assert [epoch.number for epoch in told] == list(range(killed_after + 1, TINY.epochs))
    assert resumed.best_epoch == whole.best_epoch
    assert without_seconds(resumed.history) == without_seconds(whole.history)
    assert same_weights(resumed, whole)


def test_a_finished_run_resumes_to_its_best(tmp_path: Path) -> None:
    first = run(tmp_path, replace(TINY, epochs=2))
    again = run(tmp_path, replace(TINY, epochs=2), resume=True)
    assert same_weights(first, again)
    assert again.best_epoch == first.best_epoch
    assert not list(tmp_path.glob("*.part"))


def test_training_stops_after_epochs_without_improvement(tmp_path: Path) -> None:
    # At this rate nothing is learnt, and nothing of what was not learnt improves.
    settings = replace(TINY, epochs=12, steps=1, patience=1, first_choice=0.0, average=1.0)
    trained = run(tmp_path, settings)
    assert trained.best_epoch == 0
    assert len(trained.history) == 2


def test_no_checkpoint_is_chosen_early(tmp_path: Path) -> None:
    settings = replace(TINY, epochs=5, steps=1, first_choice=0.6, average=1.0)
    # Nothing changes, so the first that may be chosen stays the best: the third, after 60 %.
    assert run(tmp_path, settings).best_epoch == 2


def test_recordings_without_a_label_teach_no_emotion(tmp_path: Path) -> None:
    labelling = replace(two_labels(N), target=np.full(N, -1))
    settings = replace(TINY, epochs=1, steps=2, first_choice=0.0)
    trained = run(tmp_path, settings, labelling=labelling)
    assert trained.history[0].loss == 0
    assert trained.history[0].accuracy == 0
    assert math.isnan(trained.history[0].validation_loss)


def test_late_weights_hold_in_the_last_epochs(tmp_path: Path) -> None:
    # The second corpus has no labels: while it alone is drawn there is nothing to lose. The third
    # teaches nothing, so it does not late either.
    labels = two_labels(N)
    corpus = np.arange(N) % 3
    labelling = replace(labels, target=np.where(corpus == 1, -1, labels.target), corpus=corpus)
    labelling = replace(labelling, allowed=np.ones((3, 2), bool))
    settings = replace(
        TINY,
        steps=2,
        corpus_weights={"third": 0.0},
        late=0.5,
        late_weights={"labelled": 0.0, "third": 5.0},
    )
    corpora, state = ["labelled", "other", "third"], tmp_path / "state.pt"
    trained = train(TONES, labelling, corpora, LEARN, (), settings, state)
    assert [epoch.loss > 0 for epoch in trained.history] == [True, True, False, False]


def test_no_checkpoint_is_chosen_before_the_late_weights_hold(tmp_path: Path) -> None:
    settings = replace(TINY, epochs=5, steps=1, first_choice=0.0, average=1.0, late=0.4)
    assert run(tmp_path / "plain", settings).best_epoch == 0
    late = replace(settings, late_weights={"tones": 2.0}, patience=1)
    assert run(tmp_path / "late", late).best_epoch == 3


def test_validation_is_the_mean_over_corpora(tmp_path: Path) -> None:
    # The second corpus is labelled wrongly throughout, so that its recall is 0.
    labels = two_labels(N)
    target, corpus = labels.target.copy(), labels.corpus.copy()
    wrong = range(26, N)
    target[wrong] = 1 - target[wrong]
    corpus[wrong] = 1
    labelling = Labelling(target, corpus, np.ones((2, 2), bool))
    settings = replace(TINY, epochs=6)
    trained = train(
        TONES,
        labelling,
        ["right", "wrong"],
        LEARN,
        VALIDATE,
        settings,
        tmp_path / "state.pt",
    )
    assert trained.history[-1].validation_uar == pytest.approx(0.5)


def test_a_corpus_of_one_label_asks_nothing(tmp_path: Path) -> None:
    labels = two_labels(N)
    alone = Labelling(np.zeros(N, np.int64), labels.corpus, np.array([[True, False]]))
    assert not askable(alone, VALIDATE)
    settings = replace(TINY, epochs=2, steps=1)
    trained = run(tmp_path, settings, labelling=alone)
    assert trained.best_epoch == 1
    assert math.isnan(trained.history[0].validation_uar)


def test_without_validation_the_last_epoch_is_kept(tmp_path: Path) -> None:
    trained = run(tmp_path, replace(TINY, epochs=2, steps=1, first_choice=1.0), validate=())
    assert trained.best_epoch == 1
    assert all(math.isnan(epoch.validation_uar) for epoch in trained.history)


def test_an_epoch_without_a_loss_is_not_kept_and_blocks_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([(0.9, 0.6, 0.6), (math.nan, 0.5, 0.5), (0.5, 0.9, 0.9), (0.8, 0.7, 0.7)])
    monkeypatch.setattr(Judged, "scores", lambda *_: next(scores))
    assert run(tmp_path, replace(TINY, steps=1, first_choice=0.0)).best_epoch == 2


@pytest.mark.parametrize("validate", [VALIDATE, ()])
def test_a_training_that_diverged_is_refused(tmp_path: Path, validate: Sequence[int]) -> None:
    wild = replace(TINY, epochs=2, learning_rate=1e30)
    for resume in (False, True):
        with pytest.raises(TrainingError, match=r"diverged at the learning rate 1e\+30; lower it"):
            run(tmp_path, wild, validate=validate, resume=resume)


def test_other_settings_are_not_resumed(tmp_path: Path) -> None:
    short = replace(TINY, epochs=1, steps=1)
    run(tmp_path, short)
    with pytest.raises(TrainingError, match=r"came smoothing=0\.3 where it was smoothing=0\.1"):
        run(tmp_path, replace(short, smoothing=0.3), resume=True)


def test_mixed_frames_teach_the_speech_head_nothing(tmp_path: Path) -> None:
    # A Beta distribution this narrow always mixes half and half.
    settings = replace(TINY, epochs=2, steps=2, mixup=1e4, average=0.0)
    heavy = run(tmp_path / "heavy", replace(settings, speech_weight=100.0))
    none = run(tmp_path / "none", replace(settings, speech_weight=0.0))
    assert same_weights(heavy, none)


def test_a_window_longer_than_the_recording_is_predicted_too(tmp_path: Path) -> None:
    trained = run(tmp_path, replace(TINY, epochs=1, first_choice=0.0))
    logits = predict(trained.network, windows_of(two_tones(2), [0, 1]))
    assert logits.shape == (2, 2)
    assert np.isfinite(logits).all()


def test_a_training_begins_with_the_weights_that_another_chose(tmp_path: Path) -> None:
    first = run(tmp_path / "first")
    still = replace(TINY, epochs=1, learning_rate=1e-12, first_choice=0.0)
    again = run(tmp_path / "again", still, start=tmp_path / "first" / "state.pt")
    torch.testing.assert_close(again.network.classify.weight, first.network.classify.weight)
    scratch = run(tmp_path / "scratch", still)
    assert not torch.allclose(scratch.network.classify.weight, first.network.classify.weight)


def test_a_start_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="expected a checkpoint to start from"):
        run(tmp_path / "none", start=tmp_path / "none.pt")
    run(tmp_path / "first", replace(TINY, epochs=1))
    wider = replace(TINY, network=replace(TINY.network, hidden=12))
    with pytest.raises(TrainingError, match="same widths and labels"):
        run(tmp_path / "wider", wider, start=tmp_path / "first" / "state.pt")


def test_a_recording_without_speech_counts_more_for_the_speech_head() -> None:
    logits = torch.tensor([[2.0, -1.0], [2.0, 2.0]])
    speech = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    plain = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, speech, reduction="none"
    ).mean(1)
    both = torch.tensor([True, True])
    torch.testing.assert_close(speech_loss(logits, speech, 1.0, both), plain.mean())
    weighed = speech_loss(logits, speech, 3.0, both)
    torch.testing.assert_close(weighed, (plain[0] + 3 * plain[1]) / 4)
    second = speech_loss(logits, speech, 3.0, torch.tensor([False, True]))
    torch.testing.assert_close(second, plain[1])
    assert speech_loss(logits, speech, 3.0, torch.tensor([False, False])) == 0
