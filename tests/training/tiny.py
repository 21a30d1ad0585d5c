"""Small datasets of made-up frames, for tests: no sound, no disk."""

import numpy as np

from tonewatch.training.batches import Labelling
from tonewatch.training.dataset import Dataset


def two_tones(n: int, *, n_frames: int = 48, copies: int = 2, seed: int = 0) -> Dataset:
    """`n` recordings: even ones have energy in the low bands, odd ones in the high bands.

    The middle half of each is "speech", the rest is 6 nepers quieter.
    """
    rng = np.random.default_rng(seed)
    frames = rng.normal(-8, 0.5, (n * copies, n_frames, 104))
    frames[:, :, 64:] = rng.normal(0, 0.02, (n * copies, n_frames, 40))
    speech = np.zeros((n * copies, n_frames), bool)
    speech[:, n_frames // 4 : -n_frames // 4] = True
    for i in range(n):
        bands = slice(0, 32) if i % 2 == 0 else slice(32, 64)
        for row in range(i * copies, (i + 1) * copies):
            frames[row, speech[row], bands] += 6
    begin = np.arange(n * copies).reshape(n, copies) * n_frames
    return Dataset(
        frames.reshape(-1, 104).astype(np.float16),
        speech.reshape(-1),
        begin,
        np.full((n, copies), n_frames),
        (),
        n_pitches=40,
    )


def two_labels(n: int) -> Labelling:
    """What `two_tones` holds: label 0 for even recordings, 1 for odd ones."""
    return Labelling(np.arange(n) % 2, np.zeros(n, np.int64), np.ones((1, 2), bool))
