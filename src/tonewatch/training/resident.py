"""The same batches as `batches` draws, made where the network learns, for a device that outruns it.

All frames lie on the device, and a batch's rows are made at once and not one by one: a GPU that
waits for rows from the CPU is busy a fifth of the time. What is drawn is drawn alike, from another
source of chance; the two agree in distribution and not in numbers. It does not know the network.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonewatch.core.errors import TrainingError
from tonewatch.training.batches import Batch, BatchSettings, Labelling
from tonewatch.training.dataset import FIXED_COPIES, Dataset


class ResidentFrames:
    """A dataset and its answers on a device.

    Args:
        dataset: frames of all recordings.
        labelling: their answers.
        device: as torch names it.

    Raises:
        TrainingError: the device has not enough memory.
    """

    def __init__(self, dataset: Dataset, labelling: Labelling, device: str) -> None:
        self._device = torch.device(device)
        try:
            self._frames = torch.from_numpy(np.array(dataset.frames)).to(device)
        except torch.cuda.OutOfMemoryError as error:
            raise TrainingError(
                f"expected {dataset.frames.nbytes / 1e9:.1f} GB of free memory on {device} for the "
                "frames of all copies, there is less; use fewer --copies, or --device cpu"
            ) from error
        self._n_pitches = dataset.n_pitches
        self._speech = torch.from_numpy(np.array(dataset.speech)).to(device)
        # Speech before each frame: what a cut holds is a difference.
        before = np.concatenate([[0], np.cumsum(dataset.speech, dtype=np.int32)])
        self._before = torch.from_numpy(before).to(device)
        self._begin = torch.from_numpy(dataset.begin).to(device)
        self._length = torch.from_numpy(dataset.length).to(device)
        self._target = torch.from_numpy(labelling.target).to(device)
        self._corpus = torch.from_numpy(labelling.corpus).to(device)
        self._allowed = torch.from_numpy(labelling.allowed).to(device)

    def batches(
        self,
        chosen: Sequence[int],
        weights: NDArray[np.float64],
        settings: BatchSettings,
        rng: np.random.Generator,
        count: int,
    ) -> Iterator[Batch]:
        """Draw `count` batches from the recordings `chosen` with probabilities `weights`."""
        chance = torch.Generator(self._device).manual_seed(int(rng.integers(2**31)))
        pool = torch.tensor(list(chosen), device=self._device)
        odds = torch.from_numpy(weights).to(self._device, torch.float32)
        for _ in range(count):
            length = int(rng.integers(settings.shortest_frames, settings.longest_frames + 1))
            picked = pool[torch.multinomial(odds, settings.size, True, generator=chance)]
            copies = self._copies(settings, chance)
            frames, speech = self._cut(picked, copies, length // 8 * 8, settings, chance)
            yield Batch(
                self._hide(frames, settings, chance),
                speech.reshape(settings.size, -1, 4).float().mean(2).round(),
                self._target[picked],
                self._allowed[self._corpus[picked]],
            )

    def _uniform(self, n: int, low: float, high: float, chance: torch.Generator) -> Tensor:
        drawn = torch.rand(n, device=self._device, generator=chance)
        return low + (high - low) * drawn

    def _copies(self, settings: BatchSettings, chance: torch.Generator) -> Tensor:
        """Numbers of copies: the fixed ones by their shares, the others evenly."""
        n_copies = self._begin.shape[1]
        draw = self._uniform(settings.size, 0, 1, chance)
        others = self._uniform(settings.size, FIXED_COPIES, n_copies, chance).long()
        others = others.clamp(max=n_copies - 1)
        copies = torch.where(draw < settings.clean + settings.line, 1, others)
        return torch.where(draw < settings.clean, 0, copies).clamp(max=n_copies - 1)

    def _cut(
        self,
        picked: Tensor,
        copies: Tensor,
        length: int,
        settings: BatchSettings,
        chance: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Cuts [size, length, n_features], with silence where a recording is shorter, and masks."""
        begin, available = self._begin[picked, copies], self._length[picked, copies]
        factor = 1 + self._uniform(len(picked), -settings.tempo, settings.tempo, chance)
        wanted = (length * factor).round().long()
        spare = available - wanted
        starts = [self._start(spare, chance) for _ in range(3)]
        held = [self._held(begin, available, at, wanted) for at in starts]
        best = torch.stack(held).argmax(0)
        at = torch.stack(starts).gather(0, best[None])[0]
        step = torch.arange(length, device=self._device)
        if settings.tempo:
            where = at[:, None] + step * ((wanted - 1) / (length - 1))[:, None]
            low = where.floor().long()
            early, late = (self._at(begin, available, low + i) for i in (0, 1))
            frames = torch.lerp(early, late, (where - low).unsqueeze(2))
        else:
            low = at[:, None] + step
            frames = self._at(begin, available, low)
        inside = (low >= 0) & (low < available[:, None])
        quietest = frames.amin(1, keepdim=True)  # of a shorter recording all frames are here
        quietest[:, :, quietest.shape[2] - self._n_pitches :] = 0
        frames = torch.where(inside.unsqueeze(2), frames, quietest)
        clamped = low.clamp(min=0).minimum(available[:, None] - 1)
        return frames, self._speech[begin[:, None] + clamped] & inside

    def _start(self, spare: Tensor, chance: torch.Generator) -> Tensor:
        """A random first frame, negative where the recording is shorter than the cut."""
        drawn = torch.rand(len(spare), device=self._device, generator=chance)
        offset = (drawn * (spare.abs() + 1)).long()
        return torch.where(spare >= 0, offset, -offset)

    def _held(self, begin: Tensor, available: Tensor, at: Tensor, wanted: Tensor) -> Tensor:
        first = begin + at.clamp(min=0)
        last = begin + (at + wanted).minimum(available)
        return self._before[last] - self._before[first]

    def _at(self, begin: Tensor, available: Tensor, index: Tensor) -> Tensor:
        inside = index.clamp(min=0).minimum(available[:, None] - 1)
        return self._frames[begin[:, None] + inside].float()

    def _hide(self, frames: Tensor, settings: BatchSettings, chance: torch.Generator) -> Tensor:
        size, n_times, n_features = frames.shape
        n_bands = n_features - self._n_pitches
        frames, melody = frames[:, :, :n_bands], frames[:, :, n_bands:]
        band = torch.arange(n_bands, device=self._device)
        time = torch.arange(n_times, device=self._device)
        if settings.warp:
            factor = 1 + self._uniform(size, -settings.warp, settings.warp, chance)
            at = (band * factor[:, None]).clamp(0, n_bands - 1)
            low = at.floor().long().clamp(max=n_bands - 2)
            part = (at - low)[:, None]
            low = low[:, None].expand(-1, n_times, -1)
            frames = torch.lerp(frames.gather(2, low), frames.gather(2, low + 1), part)
        gain = self._uniform(size, -settings.gain, settings.gain, chance)
        frames = frames + gain[:, None, None]
        if self._n_pitches:
            melody = self._other_melody(melody, settings, chance)
        fill = frames.mean((1, 2))[:, None, None]
        for _ in range(2):
            hidden = self._stretch(band, settings.bands, size, chance)[:, None, :]
            frames = torch.where(hidden, fill, frames)
            widest = min(settings.times, n_times // 6)
            hidden = self._stretch(time, widest, size, chance)[:, :, None]
            frames = torch.where(hidden, fill, frames)
            melody = melody.masked_fill(hidden, 0)
        return torch.cat([frames, melody], dim=2)

    def _other_melody(
        self, melody: Tensor, settings: BatchSettings, chance: torch.Generator
    ) -> Tensor:
        """The same a few semitones higher or lower, with some pitches hidden, or all of them."""
        size, n_times, n_pitches = melody.shape
        pitch = torch.arange(n_pitches, device=self._device)
        reach = settings.pitch_shift
        shift = self._uniform(size, -reach, reach + 1, chance).floor().long().clamp(max=reach)
        source = pitch - shift[:, None]
        inside = source.clamp(0, n_pitches - 1)[:, None].expand(-1, n_times, -1)
        hidden = (source < 0) | (source >= n_pitches)
        hidden |= self._stretch(pitch, settings.pitches, size, chance)
        hidden |= (self._uniform(size, 0, 1, chance) < settings.no_pitch)[:, None]
        return melody.gather(2, inside).masked_fill(hidden[:, None], 0)

    def _stretch(self, axis: Tensor, widest: int, size: int, chance: torch.Generator) -> Tensor:
        """Which places of an axis are hidden in each row: a stretch of at most `widest`."""
        width = self._uniform(size, 0, widest + 1, chance).long()
        at = (self._uniform(size, 0, 1, chance) * (len(axis) - width + 1)).long()
        return (axis >= at[:, None]) & (axis < (at + width)[:, None])
