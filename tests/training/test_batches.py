from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tonewatch.core.errors import TrainingError
from tonewatch.training.batches import (
    Batch,
    BatchSettings,
    Labelling,
    _copy,
    ahead,
    batches,
    crop,
    draw_weights,
)
from tonewatch.training.dataset import Dataset
from tonewatch.training.resident import ResidentFrames
from training.tiny import two_labels, two_tones

Draw: TypeAlias = Callable[..., Iterator[Batch]]


def resident(
    dataset: Dataset, labelling: Labelling, chosen: Sequence[int], *how: Any
) -> Iterator[Batch]:
    return ResidentFrames(dataset, labelling, "cpu").batches(chosen, *how)


@pytest.fixture(params=[batches, resident], ids=["by row", "resident"])
def draw(request: pytest.FixtureRequest) -> Draw:
    """Both ways to make batches, which draw alike."""
    way: Draw = request.param
    return way


PLAIN = BatchSettings(size=16, shortest_frames=24, longest_frames=40, gain=0, bands=0, times=0)


def ramp(n_frames: int, speech: slice) -> Dataset:
    """One recording whose frame k is all k."""
    frames = np.repeat(np.arange(n_frames, dtype=np.float16)[:, None], 64, axis=1)
    mask = np.zeros(n_frames, bool)
    mask[speech] = True
    return Dataset(frames, mask, np.zeros((1, 1), np.int64), np.full((1, 1), n_frames), ())


@given(
    answers=st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 2)), min_size=1, max_size=60),
    heavy=st.floats(0.1, 10),
)
def test_weights_sum_to_one_and_share_by_corpus_then_label(
    answers: list[tuple[int, int]], heavy: float
) -> None:
    target, corpus = (np.array(column) for column in zip(*answers, strict=True))
    labelling = Labelling(target, corpus, np.ones((3, 4), bool))
    chosen = list(range(len(answers)))
    weights = draw_weights(labelling, chosen, {0: heavy})
    assert weights.sum() == pytest.approx(1)
    assert (weights > 0).all()
    wanted = {c: heavy if c == 0 else 1.0 for c in set(corpus.tolist())}
    for number, weight in wanted.items():
        inside = corpus == number
        assert weights[inside].sum() == pytest.approx(weight / sum(wanted.values()))
        labels = [weights[inside & (target == k)].sum() for k in set(target[inside].tolist())]
        assert labels == pytest.approx([labels[0]] * len(labels))


def test_only_the_chosen_are_weighed() -> None:
    weights = draw_weights(two_labels(10), [0, 2, 4, 5], {})
    assert weights.tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_a_corpus_of_no_weight_is_never_drawn_but_one_must_be() -> None:
    labelling = Labelling(np.zeros(4, np.int64), np.array([0, 0, 1, 1]), np.ones((2, 1), bool))
    assert draw_weights(labelling, range(4), {0: 0.0}).tolist() == [0, 0, 0.5, 0.5]
    with pytest.raises(TrainingError, match="weight 0"):
        draw_weights(labelling, [0, 1], {0: 0.0})


def test_batches_have_their_shapes(draw: Draw) -> None:
    labelling = two_labels(6)
    weights = draw_weights(labelling, range(6), {})
    rng = np.random.default_rng(0)
    seen = set()
    for batch in draw(two_tones(6), labelling, range(6), weights, PLAIN, rng, 150):
        length = batch.frames.shape[1]
        seen.add(length)
        assert batch.frames.shape == (16, length, 104)
        assert batch.frames.dtype == torch.float32
        assert length % 8 == 0
        assert batch.speech.shape == (16, length // 4)
        assert set(np.unique(batch.speech)) <= {0.0, 1.0}
        assert batch.target.shape == (16,)
        assert batch.allowed.shape == (16, 2)
    assert seen == {24, 32, 40}


def test_answers_belong_to_their_frames(draw: Draw) -> None:
    settings = BatchSettings(size=64, shortest_frames=40, longest_frames=47, warp=0)
    labelling = two_labels(8)
    weights = draw_weights(labelling, range(8), {})
    rng = np.random.default_rng(0)
    for batch in draw(two_tones(8), labelling, range(8), weights, settings, rng, 3):
        low = batch.frames[:, :, :32].mean((1, 2))
        high = batch.frames[:, :, 32:64].mean((1, 2))
        np.testing.assert_array_equal(batch.target, np.where(low > high, 0, 1))


def test_the_speech_mask_follows_the_cut(draw: Draw) -> None:
    labelling = two_labels(4)
    weights = draw_weights(labelling, range(4), {})
    rng = np.random.default_rng(0)
    for batch in draw(two_tones(4), labelling, range(4), weights, PLAIN, rng, 5):
        bands = batch.frames[:, :, :64]
        loud = bands.reshape(16, -1, 4, 64).mean((2, 3)) > -6.1  # three of four
        np.testing.assert_array_equal(loud, batch.speech.bool())


def test_each_corpus_brings_its_own_labels(draw: Draw) -> None:
    target, corpus = np.array([0, 1, -1, 1]), np.array([0, 0, 1, 2])
    allowed = np.array([[True, True], [False, False], [False, True]])
    labelling = Labelling(target, corpus, allowed)
    weights = draw_weights(labelling, range(4), {})
    rng = np.random.default_rng(0)
    (batch,) = draw(two_tones(4), labelling, range(4), weights, PLAIN, rng, 1)
    known = {0: [True, True], 1: [True, True]}
    for answer, labels in zip(batch.target, batch.allowed, strict=True):
        assert answer == -1 or labels[answer]
        if answer in known and labels.all():
            assert labels.tolist() == known[int(answer)]
    assert (batch.target == -1).any()
    assert not batch.allowed[batch.target == -1].any()


def test_the_same_generator_draws_the_same_batches(draw: Draw) -> None:
    labelling = two_labels(6)
    weights = draw_weights(labelling, range(6), {})
    settings = BatchSettings(size=8, shortest_frames=24, longest_frames=40)
    first, again = (
        list(
            draw(
                two_tones(6),
                labelling,
                range(6),
                weights,
                settings,
                np.random.default_rng(5),
                3,
            )
        )
        for _ in range(2)
    )
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.frames, other.frames)


def test_hiding_leaves_the_dataset_as_it_was(draw: Draw) -> None:
    dataset, labelling = two_tones(4), two_labels(4)
    before = dataset.frames.copy()
    weights = draw_weights(labelling, range(4), {})
    for warp in (0.0, 0.06):
        settings = BatchSettings(size=32, shortest_frames=40, longest_frames=48, warp=warp)
        rng = np.random.default_rng(0)
        for batch in draw(dataset, labelling, range(4), weights, settings, rng, 3):
            assert batch.frames.isfinite().all()
    np.testing.assert_array_equal(dataset.frames, before)


def test_specaugment_hides_no_more_than_it_may(draw: Draw) -> None:
    settings = BatchSettings(
        size=64, shortest_frames=48, longest_frames=48, gain=0, bands=8, times=6, warp=0
    )
    dataset = ramp(48, slice(0, 48))
    labelling = Labelling(np.zeros(1, np.int64), np.zeros(1, np.int64), np.ones((1, 1), bool))
    rng = np.random.default_rng(0)
    (batch,) = draw(dataset, labelling, [0], np.ones(1), settings, rng, 1)
    changed = batch.frames.numpy() != np.arange(48, dtype=np.float32)[None, :, None]
    times, bands = changed.all(2).sum(1), changed.all(1).sum(1)
    assert 0 < times.max() <= 12
    assert 0 < bands.max() <= 16


def test_a_stretch_keeps_frames_and_speech_in_order(draw: Draw) -> None:
    dataset = ramp(200, slice(50, 150))
    labelling = Labelling(np.zeros(1, np.int64), np.zeros(1, np.int64), np.ones((1, 1), bool))
    settings = BatchSettings(
        size=64, shortest_frames=96, longest_frames=96, gain=0, bands=0, times=0, warp=0, tempo=0.2
    )
    rng = np.random.default_rng(0)
    (batch,) = draw(dataset, labelling, [0], np.ones(1), settings, rng, 1)
    steps = np.diff(batch.frames[:, :, 0], axis=1)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[:, :1], steps.shape), atol=0.02)
    assert steps.min() == pytest.approx(0.8, abs=0.05)
    assert steps.max() == pytest.approx(1.2, abs=0.05)
    inside = (batch.frames[:, ::4, 0] > 55) & (batch.frames[:, 3::4, 0] < 145)
    assert batch.speech[inside].all()


@given(n_frames=st.integers(8, 90), start=st.integers(0, 80), length=st.integers(4, 60))
@settings(max_examples=60)
def test_a_cut_holds_consecutive_frames_and_their_mask(
    n_frames: int, start: int, length: int
) -> None:
    begin = min(start, n_frames - 4)
    dataset = ramp(n_frames, slice(begin, begin + 4))
    for rng in (None, np.random.default_rng(length)):
        frames, mask = crop(dataset, 0, 0, length, rng)
        assert frames.shape == (length, 64)
        assert mask.shape == (length,)
        numbers = frames[:, 0]
        if n_frames >= length:
            np.testing.assert_array_equal(np.diff(numbers), 1)
        else:
            assert sorted(numbers[numbers > 0].tolist()) == list(range(1, n_frames))
        inside = (numbers >= begin) & (numbers < begin + 4)
        if begin > 0:  # else the silence around a short recording looks like its first frame
            np.testing.assert_array_equal(mask, inside)


def test_without_a_generator_the_cut_is_around_the_speech() -> None:
    _, mask = crop(ramp(100, slice(70, 80)), 0, 0, 20, None)
    assert np.flatnonzero(mask).tolist() == list(range(6, 16))
    frames, mask = crop(ramp(100, slice(95, 100)), 0, 0, 20, None)
    assert frames[-1, 0] == 99
    assert mask.sum() == 5
    frames, _ = crop(ramp(100, slice(0, 0)), 0, 0, 20, None)
    assert frames[0, 0] == 40


def test_the_fixed_copies_are_drawn_by_their_shares() -> None:
    rng = np.random.default_rng(0)
    shares = BatchSettings(clean=0.5, line=0.25)
    drawn = np.bincount([_copy(6, shares, rng) for _ in range(4000)], minlength=6) / 4000
    np.testing.assert_allclose(drawn, [0.5, 0.25, *[0.0625] * 4], atol=0.03)
    assert {_copy(1, shares, rng) for _ in range(50)} == {0}
    assert {_copy(2, shares, rng) for _ in range(50)} == {0, 1}


def test_both_ways_draw_copies_and_speech_alike() -> None:
    """Each frame of a recording tells the copy that it is from, and most of it is silence."""
    copies, n_frames = 5, 400
    frames = np.repeat(np.arange(copies, dtype=np.float16), n_frames)[:, None].repeat(64, 1)
    speech = np.zeros((copies, n_frames), bool)
    speech[:, 40:60] = True
    begin = np.arange(copies)[None] * n_frames
    dataset = Dataset(frames, speech.ravel(), begin, np.full((1, copies), n_frames), ())
    labelling = Labelling(np.zeros(1, np.int64), np.zeros(1, np.int64), np.ones((1, 1), bool))
    settings = BatchSettings(size=400, bands=0, times=0, gain=0, warp=0, shortest_frames=160)
    shares, held = [], []
    for way in (batches, resident):
        drawn = list(
            way(dataset, labelling, [0], np.ones(1), settings, np.random.default_rng(1), 9)
        )
        numbers = np.concatenate([batch.frames[:, 0, 0].long().numpy() for batch in drawn])
        shares.append(np.bincount(numbers, minlength=copies) / len(numbers))
        held.append(np.mean([batch.speech.any(1).float().mean() for batch in drawn]))
    np.testing.assert_allclose(shares[0], shares[1], atol=0.05)
    assert held[0] == pytest.approx(held[1], abs=0.08)
    assert min(held) > 0.5


def test_batches_made_ahead_are_the_same_and_all() -> None:
    labelling = two_labels(6)
    weights = draw_weights(labelling, range(6), {})

    def drawn() -> Iterator[Batch]:
        rng = np.random.default_rng(3)
        return batches(two_tones(6), labelling, range(6), weights, PLAIN, rng, 7)

    plain, early = list(drawn()), list(ahead(drawn()))
    assert len(plain) == len(early) == 7
    for one, other in zip(plain, early, strict=True):
        np.testing.assert_array_equal(one.frames, other.frames)


def one_melody(n_frames: int = 48) -> Dataset:
    """A recording with log-mels of -8 and one pitch of 40, the 20th, all the time."""
    frames = np.full((n_frames, 104), -8.0, np.float16)
    frames[:, 64:] = 0
    frames[:, 64 + 20] = 0.5
    mask = np.ones(n_frames, bool)
    begin, length = np.zeros((1, 1), np.int64), np.full((1, 1), n_frames)
    return Dataset(frames, mask, begin, length, (), n_pitches=40)


ONE_LABEL = Labelling(np.zeros(1, np.int64), np.zeros(1, np.int64), np.ones((1, 1), bool))


def test_a_melody_is_moved_by_semitones_and_now_and_then_hidden(draw: Draw) -> None:
    settings = BatchSettings(
        size=600, shortest_frames=48, longest_frames=48, bands=0, times=0, pitches=0, no_pitch=0.25
    )
    chance = np.random.default_rng(0)
    (batch,) = draw(one_melody(), ONE_LABEL, [0], np.ones(1), settings, chance, 1)
    melody = batch.frames[:, :, 64:]
    assert torch.equal(melody, melody[:, :1].expand_as(melody))
    heard = melody[:, 0].amax(1) > 0
    assert heard.float().mean() == pytest.approx(0.75, abs=0.06)
    moved = torch.bincount(melody[heard, 0].argmax(1), minlength=40)
    assert moved.nonzero().squeeze(1).tolist() == [18, 19, 20, 21, 22]
    assert moved[18:23].min() > 0.14 * heard.sum()
    assert batch.frames[:, :, :64].var() > 0  # the gain moves bands
    assert melody.amax() == 0.5  # and no pitch


def test_what_is_hidden_of_times_is_hidden_of_the_melody_too(draw: Draw) -> None:
    settings = BatchSettings(
        size=200, shortest_frames=48, longest_frames=48, gain=0, bands=0, times=8, warp=0,
        pitches=0, pitch_shift=0, no_pitch=0,
    )  # fmt: skip
    frames = one_melody()
    frames.frames[:, :64] += np.arange(64, dtype=np.float16)  # so that a mean is none of them
    chance = np.random.default_rng(0)
    (batch,) = draw(frames, ONE_LABEL, [0], np.ones(1), settings, chance, 1)
    filled = batch.frames[:, :, 0] == batch.frames[:, :, 63]
    assert 0.05 < filled.float().mean() < 0.3
    assert torch.equal(filled, batch.frames[:, :, 64 + 20] == 0)


def test_hidden_pitches_are_a_stretch_of_them(draw: Draw) -> None:
    settings = BatchSettings(
        size=400, shortest_frames=48, longest_frames=48, bands=0, times=0,
        pitches=8, pitch_shift=0, no_pitch=0,
    )  # fmt: skip
    dataset = one_melody()
    dataset.frames[:, 64:] = 0.5
    chance = np.random.default_rng(0)
    (batch,) = draw(dataset, ONE_LABEL, [0], np.ones(1), settings, chance, 1)
    hidden = (batch.frames[:, 0, 64:] == 0).int()
    assert set(hidden.sum(1).tolist()) == set(range(9))
    assert ((hidden.diff(dim=1) == 1).sum(1) <= 1).all()
    assert hidden.float().mean(0).min() > 0.01


def test_silence_around_a_short_recording_has_no_pitch(draw: Draw) -> None:
    dataset = one_melody(24)
    dataset.frames[:, 64:] = 0.25
    settings = BatchSettings(
        size=50, shortest_frames=48, longest_frames=48, bands=0, times=0, pitches=0,
        pitch_shift=0, no_pitch=0,
    )  # fmt: skip
    chance = np.random.default_rng(0)
    (batch,) = draw(dataset, ONE_LABEL, [0], np.ones(1), settings, chance, 1)
    assert torch.equal((batch.frames[:, :, 64:] > 0).sum(1), torch.full((50, 40), 24))
