"""Which times and bands of a window drove its answer: occlusion.

Cells of time and frequency are hidden one by one, and the explained label's probability is asked
for again; what it falls by is what the cell was worth (Zeiler and Fergus, ECCV 2014, there with
grey squares over pictures). A hidden cell is not silent but as quiet as its bands are in the
quietest tenth of the window, for a hole in a spectrum is a sound of its own. It is done on samples
(short-time spectrum and overlap-add), so that it explains every kind of network alike.

A fall says what this network used, not why the caller sounds as they do; cells that say the same
stand in for each other, so that their single falls can be small. It knows no file, draws nothing.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonewatch.audio.features import FeatureSettings, extract, hz_to_mel, mel_to_hz
from tonewatch.core.errors import SettingsError
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.inference.predictor import Predictor

_FFT, _HOP = 512, 128  # 32 ms, 8 ms
CONTEXT_S = 30.0
"""How far before the window a stream's running means still know of."""

_QUIET = 0.1


@dataclass(frozen=True)
class ExplainSettings:
    """How finely to look.

    Attributes:
        cell_s: length of a cell.
        n_bands: bands, of equal width on the mel scale.
        batch: hidden variants heard at once.
    """

    cell_s: float = 0.2
    n_bands: int = 8
    batch: int = 16

    def __post_init__(self) -> None:
        if not (self.cell_s >= 0.04 and self.n_bands >= 1 and self.batch >= 1):
            raise SettingsError(
                "expected cells of 0.04 s or more, one band or more and batches of one or more, "
                f"came {self.cell_s} s, {self.n_bands}, {self.batch}"
            )

    def n_times(self, length_s: float) -> int:
        """How many cells follow each other in a window; under two it cannot be explained."""
        return round(length_s / self.cell_s)


@dataclass(frozen=True)
class Explanation:
    """What a window's answer rests on.

    Attributes:
        start_s: of the window, in the recording.
        end_s: likewise.
        label: the one explained.
        probability: its probability, calibrated.
        baseline: its probability with all of the window hidden.
        times_s: edges of the cells in the recording, shape [n_times + 1].
        bands_hz: edges of the bands, shape [n_bands + 1].
        falls: what the probability falls by with one cell hidden, shape [n_bands, n_times]; under
            0 where it rises.
        by_time: with all bands of one time hidden, shape [n_times].
        by_band: with one band hidden all the time, shape [n_bands].
        log_mel: the window's spectrogram, for the eye, shape [n_frames, 64], 10 ms a frame.
    """

    start_s: float
    end_s: float
    label: str
    probability: float
    baseline: float
    times_s: NDArray[np.float64]
    bands_hz: NDArray[np.float64]
    falls: NDArray[np.float64]
    by_time: NDArray[np.float64]
    by_band: NDArray[np.float64]
    log_mel: NDArray[np.float32]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the spectrogram."""
        plain = asdict(self)
        del plain["log_mel"]
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in plain.items()}


def explain(
    samples: Samples,
    predictor: Predictor,
    start_s: float,
    *,
    label: str | None = None,
    settings: ExplainSettings | None = None,
    begins_s: float = 0.0,
) -> Explanation:
    """Explain the window that begins at `start_s`, as the analyser hears it after what is before.

    Args:
        samples: the recording, or as much of it as from `CONTEXT_S` before the window on; 16 kHz.
        predictor: what heard it.
        start_s: rounded to the predictor's steps (40 ms). A recording shorter than a window is one
            window.
        label: which to explain; the likeliest if None.
        settings: how finely.
        begins_s: where in the recording the samples begin, in whole steps of the predictor.

    Raises:
        SettingsError: no window of two cells or more begins there, or the bundle has no such label.
    """
    settings = settings or ExplainSettings()
    info, each = predictor.bundle.info, predictor.samples_each
    start = max(0, round((start_s - begins_s) * RATE_HZ / each)) * each
    window = round(info.window_s * RATE_HZ / each) * each
    heard = samples[start : start + window]
    heard = heard[: len(heard) // each * each]
    n_times = settings.n_times(len(heard) / RATE_HZ)
    if n_times < 2 or start_s < 0:
        last_s = max(0.0, begins_s + len(samples) / RATE_HZ - 2 * settings.cell_s)
        raise SettingsError(
            f"expected a start from 0 to {last_s:.2f} s, came {start_s:.2f} s; take a window's"
        )
    if label is not None and label not in info.labels:
        raise SettingsError(f"expected a label of {', '.join(info.labels)}, came {label!r}")
    before = samples[max(0, start - round(CONTEXT_S * RATE_HZ)) : start]

    def probabilities(windows: Samples) -> NDArray[np.float64]:
        return np.exp(info.calibration.log_probabilities(predictor.judge(windows, before)))

    whole = probabilities(heard[None])[0]
    index = int(whole.argmax()) if label is None else info.labels.index(label)
    edges_s = np.linspace(0, len(heard) / RATE_HZ, n_times + 1)
    edges_hz = mel_to_hz(np.linspace(0, hz_to_mel(np.array(RATE_HZ / 2)), settings.n_bands + 1))
    masks = _masks(n_times, settings.n_bands)
    hidden = _hidden(heard, masks, edges_s, edges_hz)
    found = []
    while part := list(islice(hidden, settings.batch)):
        found.append(probabilities(np.stack(part))[:, index])
    falls = whole[index] - np.concatenate(found)
    cells = settings.n_bands * n_times
    return Explanation(
        start_s=begins_s + start / RATE_HZ,
        end_s=begins_s + (start + len(heard)) / RATE_HZ,
        label=info.labels[index],
        probability=float(whole[index]),
        baseline=float(whole[index] - falls[-1]),
        times_s=begins_s + start / RATE_HZ + edges_s,
        bands_hz=edges_hz,
        falls=falls[:cells].reshape(settings.n_bands, n_times),
        by_time=falls[cells : cells + n_times],
        by_band=falls[cells + n_times : -1],
        log_mel=extract(heard, FeatureSettings()),
    )


def _masks(n_times: int, n_bands: int) -> NDArray[np.bool_]:
    """What to hide, shape [n, n_bands, n_times]: each cell, each time, each band, everything."""
    cells = np.eye(n_bands * n_times, dtype=bool).reshape(-1, n_bands, n_times)
    times = np.broadcast_to(np.eye(n_times, dtype=bool)[:, None], (n_times, n_bands, n_times))
    bands = np.broadcast_to(np.eye(n_bands, dtype=bool)[:, :, None], (n_bands, n_bands, n_times))
    return np.concatenate([cells, times, bands, np.ones((1, n_bands, n_times), bool)])


def _hidden(
    samples: Samples,
    masks: NDArray[np.bool_],
    edges_s: NDArray[np.float64],
    edges_hz: NDArray[np.float64],
) -> Iterator[Samples]:
    """The samples with the cells of each mask hidden."""
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FFT) / _FFT))
    padded = np.pad(samples.astype(np.float64), _FFT)
    framed = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP]
    spectrum = np.fft.rfft(framed * window)
    level = np.abs(spectrum)
    centre_s = (np.arange(len(framed)) * _HOP + _FFT / 2 - _FFT) / RATE_HZ
    inside = (centre_s >= 0) & (centre_s < edges_s[-1])
    quiet = np.quantile(level[inside], _QUIET, axis=0)
    lowered = np.minimum(1.0, quiet / np.maximum(level, 1e-12)) - 1
    at = np.clip(np.searchsorted(edges_s, centre_s, side="right") - 1, 0, masks.shape[2] - 1)
    bins_hz = np.fft.rfftfreq(_FFT, 1 / RATE_HZ)
    band = np.clip(np.searchsorted(edges_hz, bins_hz, side="right") - 1, 0, masks.shape[1] - 1)
    for mask in masks:
        gain = 1 + lowered * mask[:, at].T[:, band]
        frames = np.fft.irfft(spectrum * gain, _FFT) * window
        # Squared roots of Hann windows, a quarter apart, add up to 2.
        out = np.zeros((len(frames) + _FFT // _HOP, _HOP))
        for part in range(_FFT // _HOP):
            out[part : part + len(frames)] += frames[:, part * _HOP : (part + 1) * _HOP] / 2
        yield out.reshape(-1)[_FFT : _FFT + len(samples)].astype(np.float32)
