import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tonewatch.training.networks.stream_cnn import (
    StreamCnn,
    StreamCnnSettings,
    _less_baseline,
)

TINY = StreamCnnSettings(widths=(4, 4, 8, 8), pitch_widths=(4, 4, 4), embedding=16, hidden=8)
N_BANDS, N_PITCHES = 64, 40


@pytest.fixture(scope="module")
def network() -> StreamCnn:
    torch.manual_seed(0)
    network = StreamCnn(5, TINY).eval()
    network.get_buffer("scale").fill_(0.4)
    return network


def frames(n: int, batch: int = 1, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    bands = rng.normal(-7, 2, (batch, n, N_BANDS))
    pitches = rng.normal(0, 0.5, (batch, n, N_PITCHES))
    return torch.from_numpy(np.concatenate([bands, pitches], axis=2).astype(np.float32))


@pytest.mark.parametrize("batch", [1, 3])
def test_the_state_keeps_its_shapes(network: StreamCnn, batch: int) -> None:
    before = network.initial_state(batch)
    embeddings, after = network.embeddings(frames(8, batch), before)
    assert [tuple(state.shape) for state in before] == [tuple(state.shape) for state in after]
    assert tuple(before[0].shape) == (batch, N_BANDS + 1)  # the baseline's sums come first
    assert tuple(before[1].shape) == (batch, 2, 1, N_BANDS)
    assert len(before) == 2 + 2 * (len(TINY.widths) - 1) + len(TINY.pitch_widths)
    assert tuple(embeddings.shape) == (batch, 2, TINY.embedding)


@settings(max_examples=25)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=8))
@torch.no_grad()
def test_a_stream_equals_the_whole(network: StreamCnn, chunks: list[int]) -> None:
    whole = frames(4 * sum(chunks), batch=2)
    expected, last = network.embeddings(whole, network.initial_state(2))
    state, parts = network.initial_state(2), []
    for part in torch.split(whole, [4 * n for n in chunks], dim=1):
        embeddings, state = network.embeddings(part, state)
        parts.append(embeddings)
    torch.testing.assert_close(torch.cat(parts, dim=1), expected, atol=1e-4, rtol=1e-4)
    for one, other in zip(state, last, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_nothing_that_comes_later_is_heard(network: StreamCnn) -> None:
    one, other = frames(80), frames(80)
    other[:, 40:] += 3
    first, second = (network.embeddings(x, network.initial_state())[0] for x in (one, other))
    torch.testing.assert_close(first[:, :10], second[:, :10])
    assert not torch.allclose(first[:, 10:], second[:, 10:])


def test_the_baseline_is_the_fading_mean_weighted_by_level() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(-8, 2, (2, 50, 3)).astype(np.float32)
    sums, total = np.zeros((2, 3)), np.zeros((2, 1))
    expected = np.empty((2, 2, 50, 3), np.float32)
    for t in range(x.shape[1]):
        weight = np.exp(x[:, t].mean(1, keepdims=True) / 2)
        sums = math.exp(-1 / 300) * sums + weight * x[:, t]
        total = math.exp(-1 / 300) * total + weight
        baseline = sums / total
        expected[:, 0, t] = x[:, t] - baseline
        expected[:, 1, t] = x[:, t] - baseline.mean(1, keepdims=True)
    rest, _ = _less_baseline(torch.from_numpy(x), torch.zeros(2, 4))
    np.testing.assert_allclose(rest.numpy(), expected, atol=1e-4)


def test_speech_sets_the_baseline_and_pauses_hardly_move_it() -> None:
    x = torch.full((1, 300, 3), -15.0)
    x[:, 100:150] = -3.0
    rest, _ = _less_baseline(x, torch.zeros(1, 4))
    assert rest[0, :, 105].abs().max() < 0.5
    assert (rest[0, :, 299] + 12).abs().max() < 0.5


@torch.no_grad()
def test_gain_is_gone_at_every_frame(network: StreamCnn) -> None:
    louder = frames(80)
    louder[:, :, :N_BANDS] += 2
    one, other = (network.embeddings(x, network.initial_state())[0] for x in (frames(80), louder))
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_the_line_is_gone_from_one_view_and_stays_in_the_other() -> None:
    x, line = frames(80)[:, :, :N_BANDS], torch.linspace(-1, 1, N_BANDS)
    before = torch.zeros(1, N_BANDS + 1)
    one, other = (_less_baseline(y, before)[0] for y in (x, x + line))
    torch.testing.assert_close(one[:, 0], other[:, 0], atol=1e-4, rtol=0)
    torch.testing.assert_close(one[:, 1] + line, other[:, 1], atol=1e-4, rtol=0)


@torch.no_grad()
def test_pitches_are_heard_unless_there_are_none(network: StreamCnn) -> None:
    x = frames(80)
    one, _ = network(x)
    x[:, 40:, N_BANDS + 12 : N_BANDS + 15] += 1
    other, _ = network(x)
    assert not torch.allclose(one, other, atol=1e-4)
    bare = StreamCnn(5, replace(TINY, n_pitches=0)).eval()
    assert bare(x[:, :, :N_BANDS])[0].shape == (1, 5)
    assert len(bare.initial_state()) == len(network.initial_state()) - len(TINY.pitch_widths)


@torch.no_grad()
def test_one_window_at_once_is_its_parts_joined(network: StreamCnn) -> None:
    window = frames(120, batch=2)
    logits, speech = network(window)
    embeddings, _ = network.embeddings(window, network.initial_state(2))
    torch.testing.assert_close(logits, network.judge(embeddings))
    assert tuple(logits.shape) == (2, 5)
    assert tuple(speech.shape) == (2, 30)


def test_silence_and_the_loudest_are_finite(network: StreamCnn) -> None:
    for level in (-30.0, 30.0):
        logits, speech = network(torch.full((1, 100, N_BANDS + N_PITCHES), level))
        assert torch.isfinite(logits).all()
        assert torch.isfinite(speech).all()


def test_the_default_network_stays_light() -> None:
    n_weights = sum(p.numel() for p in StreamCnn(8).parameters())
    assert n_weights < 1_500_000


def test_the_baseline_is_not_rounded_in_mixed_precision() -> None:
    x = frames(100)[:, :, :N_BANDS]
    plain, _ = _less_baseline(x, torch.zeros(1, N_BANDS + 1))
    with torch.autocast("cpu", torch.bfloat16):
        mixed, _ = _less_baseline(x, torch.zeros(1, N_BANDS + 1))
    torch.testing.assert_close(plain, mixed, atol=1e-5, rtol=0)
