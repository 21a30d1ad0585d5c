"""Training batches from a dataset: which recordings, which copy, which seconds, and what is hidden.

Recordings are drawn by corpus weight, evenly over each corpus's labels, and cut to one random
length a batch, as the analyser's first and last windows are shorter than the others. SpecAugment
(Park et al., Interspeech 2019) hides bands and times; a gain shifts the whole spectrum.
Mixup happens in `loop`, where the loss is. This module does not know the network.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonewatch.core.errors import TrainingError
from tonewatch.training.dataset import FIXED_COPIES, Dataset


@dataclass(frozen=True)
class BatchSettings:
    """How batches are drawn.

    Attributes:
        size: recordings a batch.
        shortest_frames: shortest cut.
        longest_frames: longest cut (3 s).
        gain: largest shift of the log energies (natural logarithm) either way.
        bands: widest hidden band; two are hidden.
        times: longest hidden stretch in frames; two are hidden.
        pitches: widest hidden stretch of pitches; one is hidden.
        pitch_shift: largest shift of the melody either way, in semitones.
        no_pitch: share of the draws whose pitches are all hidden.
        warp: largest stretch of the frequency axis, as a share, either way.
        tempo: largest stretch of the time axis, as a share, either way.
        clean: share of the draws that take the untouched copy.
        line: share that take the copy through the standard telephone line.
    """

    size: int = 64
    shortest_frames: int = 160
    longest_frames: int = 300
    gain: float = 0.5
    bands: int = 6
    times: int = 16
    pitches: int = 6
    pitch_shift: int = 2
    no_pitch: float = 0.15
    warp: float = 0.05
    tempo: float = 0.0
    clean: float = 0.3
    line: float = 0.2


@dataclass(frozen=True)
class Batch:
    """What one step learns from, on the device that learns or on the CPU.

    Attributes:
        frames: shape [size, T, n_features], float32.
        speech: shape [size, T // 4], float32: 1 where there is speech.
        target: shape [size], int64: label index, -1 where there is none.
        allowed: shape [size, n_labels], bool: labels that this recording's corpus knows.
    """

    frames: Tensor
    speech: Tensor
    target: Tensor
    allowed: Tensor


@dataclass(frozen=True)
class Labelling:
    """Answers for all recordings of a dataset.

    Attributes:
        target: shape [n_utterances]: label index, -1 for none.
        corpus: shape [n_utterances]: a number for each corpus.
        allowed: shape [n_corpora, n_labels], bool: labels found in that corpus.
    """

    target: NDArray[np.int64]
    corpus: NDArray[np.int64]
    allowed: NDArray[np.bool_]


def draw_weights(
    labelling: Labelling, chosen: Sequence[int], corpus_weights: Mapping[int, float]
) -> NDArray[np.float64]:
    """Probability of each recording of `chosen`: its corpus's weight, evenly over its labels.

    Raises:
        TrainingError: every corpus has the weight 0.
    """
    weights = np.zeros(len(chosen))
    corpus, target = labelling.corpus[chosen], labelling.target[chosen]
    for number in np.unique(corpus):
        inside = corpus == number
        labels, counts = np.unique(target[inside], return_counts=True)
        for label, count in zip(labels, counts, strict=True):
            share = corpus_weights.get(int(number), 1.0) / len(labels) / count
            weights[inside & (target == label)] = share
    if not weights.any():
        raise TrainingError("expected a corpus to be drawn, all have the weight 0; give one more")
    return np.asarray(weights / weights.sum())


def batches(
    dataset: Dataset,
    labelling: Labelling,
    chosen: Sequence[int],
    weights: NDArray[np.float64],
    settings: BatchSettings,
    rng: np.random.Generator,
    count: int,
) -> Iterator[Batch]:
    """Draw `count` batches from the recordings `chosen` with probabilities `weights`."""
    pool = np.asarray(chosen)
    for _ in range(count):
        length = int(rng.integers(settings.shortest_frames, settings.longest_frames + 1)) // 8 * 8
        picked = rng.choice(pool, settings.size, p=weights)
        frames = np.empty((settings.size, length, dataset.frames.shape[1]), np.float32)
        speech = np.zeros((settings.size, length), np.float32)
        for row, index in enumerate(picked):
            copy = _copy(dataset.begin.shape[1], settings, rng)
            factor = 1 + rng.uniform(-settings.tempo, settings.tempo)
            cut, mask = crop(dataset, int(index), copy, round(length * factor), rng)
            cut, mask = _stretch(cut, mask, length)
            frames[row], speech[row] = _hide(cut, dataset.n_pitches, settings, rng), mask
        corpus = labelling.corpus[picked]
        yield Batch(
            torch.from_numpy(frames),
            torch.from_numpy(speech.reshape(settings.size, -1, 4).mean(2).round()),
            torch.from_numpy(labelling.target[picked]),
            torch.from_numpy(labelling.allowed[corpus]),
        )


def ahead(drawn: Iterator[Batch], count: int = 3) -> Iterator[Batch]:
    """The same batches, made in a thread while the network is busy with those before."""
    with ThreadPoolExecutor(1) as thread:
        waiting = deque(thread.submit(next, drawn, None) for _ in range(count))
        while (batch := waiting.popleft().result()) is not None:
            waiting.append(thread.submit(next, drawn, None))
            yield batch


def _copy(n_copies: int, settings: BatchSettings, rng: np.random.Generator) -> int:
    """Number of a copy: the fixed ones by their shares, the others evenly."""
    draw = rng.random()
    if draw < settings.clean or n_copies == 1:
        return 0
    if draw < settings.clean + settings.line or n_copies == FIXED_COPIES:
        return 1
    return int(rng.integers(FIXED_COPIES, n_copies))


def crop(
    dataset: Dataset, index: int, copy: int, length: int, rng: np.random.Generator | None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Cut `length` frames at random, or around the middle of the speech where `rng` is None.

    A shorter recording is put at a random place into silence: its own quietest level a band, and
    no pitch.
    """
    begin, available = int(dataset.begin[index, copy]), int(dataset.length[index, copy])
    frames = dataset.frames[begin : begin + available]
    speech = dataset.speech[begin : begin + available]
    spare = available - length
    if spare >= 0:
        if rng is None:
            middle = int(np.mean(np.flatnonzero(speech))) if speech.any() else available // 2
            at = min(max(0, middle - length // 2), spare)
        else:
            at = _speaking_start(speech, length, spare, rng)
        return frames[at : at + length].astype(np.float32), speech[at : at + length]
    out = np.repeat(frames.min(0, keepdims=True), length, axis=0).astype(np.float32)
    out[:, out.shape[1] - dataset.n_pitches :] = 0
    mask = np.zeros(length, bool)
    at = -spare // 2 if rng is None else int(rng.integers(-spare + 1))
    out[at : at + available] = frames
    mask[at : at + available] = speech
    return out, mask


def _speaking_start(
    speech: NDArray[np.bool_], length: int, spare: int, rng: np.random.Generator
) -> int:
    """A random cut; the best of three by how much speech it holds."""
    starts = rng.integers(spare + 1, size=3)
    total = np.concatenate([[0], np.cumsum(speech)])
    return int(max(starts, key=lambda at: total[at + length] - total[at]))


def _stretch(
    frames: NDArray[np.float32], speech: NDArray[np.bool_], length: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Speak the same in `length` frames."""
    if len(frames) == length:
        return frames, speech
    at = np.linspace(0, len(frames) - 1, length)
    low = np.minimum(at.astype(int), len(frames) - 2)
    part = (at - low).astype(np.float32)[:, None]
    return frames[low] * (1 - part) + frames[low + 1] * part, speech[at.round().astype(int)]


def _hide(
    frames: NDArray[np.float32], n_pitches: int, settings: BatchSettings, rng: np.random.Generator
) -> NDArray[np.float32]:
    n_times, n_features = frames.shape
    n_bands = n_features - n_pitches
    frames, melody = frames[:, :n_bands], frames[:, n_bands:]
    # A stretched frequency axis is another vocal tract (VTLP: Jaitly and Hinton, ICML 2013).
    if settings.warp:
        factor = 1 + rng.uniform(-settings.warp, settings.warp)
        at = np.clip(np.arange(n_bands) * factor, 0, n_bands - 1)
        low = np.minimum(at.astype(int), n_bands - 2)
        part = (at - low).astype(np.float32)
        frames = frames[:, low] * (1 - part) + frames[:, low + 1] * part
    frames = frames + np.float32(rng.uniform(-settings.gain, settings.gain))
    melody = _other_melody(melody, settings, rng)
    fill = frames.mean()
    for _ in range(2):
        width = int(rng.integers(settings.bands + 1))
        first = int(rng.integers(n_bands - width + 1))
        frames[:, first : first + width] = fill
        width = int(rng.integers(min(settings.times, n_times // 6) + 1))
        first = int(rng.integers(n_times - width + 1))
        frames[first : first + width] = fill
        melody[first : first + width] = 0
    return np.concatenate([frames, melody], axis=1)


def _other_melody(
    melody: NDArray[np.float32], settings: BatchSettings, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The same a few semitones higher or lower, with some pitches hidden, or all of them."""
    n_pitches = melody.shape[1]
    other = np.zeros_like(melody)
    if n_pitches == 0 or rng.random() < settings.no_pitch:
        return other
    shift = int(rng.integers(-settings.pitch_shift, settings.pitch_shift + 1))
    up, down = max(0, shift), max(0, -shift)
    other[:, up : n_pitches - down] = melody[:, down : n_pitches - up]
    width = int(rng.integers(settings.pitches + 1))
    at = int(rng.integers(n_pitches - width + 1))
    other[:, at : at + width] = 0
    return other
