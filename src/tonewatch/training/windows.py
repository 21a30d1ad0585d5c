"""Windows of every copy of every recording, as a whole-window network takes them; kept on disk.

Recordings are cut where the analyser cuts them, and a window with too little speech teaches
nothing, as the analyser would not ask about it. Copies are those of `dataset`: 0 the recording as
it is, 1 the standard telephone line, the others drawn by `augment` and moved by up to 0.2 s.
This module does not know what the features mean.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from tonewatch.audio.decode import load
from tonewatch.audio.telephone import telephone
from tonewatch.audio.vad import VadSettings
from tonewatch.core.errors import AudioError, TrainingError
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.core.workers import workers
from tonewatch.corpora.table import Utterance
from tonewatch.inference.evaluation import CHANNEL_SIMS
from tonewatch.inference.windows import WindowGrid
from tonewatch.training.augment import AugmentSettings, one_copy
from tonewatch.training.cache import DONE, kept
from tonewatch.training.dataset import readable
from tonewatch.training.networks.port import WindowNetwork
from tonewatch.training.speech import speech_mask

_UNIT = 640  # samples that windows are multiples of, as in the analyser
_MASK_HOP = 160
_SHIFT = 3_200
_LARGE = 4_096  # numbers a window; more are kept in half precision


@dataclass(frozen=True)
class WindowSettings:
    """How windows are made; with the network's origin and the list of files it names the cache.

    Attributes:
        augment: how copies are drawn.
        hop_s: step between windows.
        longest_s: of a recording.
        seed: of the copies.
    """

    augment: AugmentSettings = field(default_factory=AugmentSettings)
    hop_s: float = 1.0
    longest_s: float = 8.0
    seed: int = 1


@dataclass(frozen=True)
class WindowDataset:
    """All windows in one array, those of one copy beside each other.

    Attributes:
        features: shape [total, ...], float16 or float32; read from disk as it is asked for.
        begin: shape [n_utterances, copies]: first window of the copy.
        length: shape [n_utterances, copies]: its windows; 0 where the file was unreadable.
        problems: what was left out, and why.
    """

    features: NDArray[Any]
    begin: NDArray[np.int64]
    length: NDArray[np.int64]
    problems: tuple[str, ...]


def build_windows(
    utterances: Sequence[Utterance],
    noises: Sequence[Path],
    network: WindowNetwork,
    settings: WindowSettings,
    cache: Path,
    *,
    jobs: int = 2,
) -> WindowDataset:
    """Make the dataset, or open it where the cache has it.

    Args:
        utterances: labelled recordings.
        noises: noise recordings to mix in.
        network: says what is made of a window.
        settings: copies, hop, seed.
        cache: folder of caches; each dataset is a folder in it, named by what it was made from.
        jobs: processes.

    Raises:
        TrainingError: not one recording could be read.
    """
    folder = kept(
        cache / _name(utterances, noises, network, settings),
        lambda part: _write(utterances, noises, network, settings, part, jobs),
    )
    problems = json.loads((folder / DONE).read_text())["problems"]
    return WindowDataset(
        features=np.load(folder / "features.npy", mmap_mode="r"),
        begin=np.load(folder / "begin.npy"),
        length=np.load(folder / "length.npy"),
        problems=tuple(problems),
    )


def cuts(samples: Samples, clean: Samples, window_s: float, hop_s: float) -> list[Samples]:
    """The windows of a recording that the analyser would judge.

    Args:
        samples: shape [n].
        clean: the same without noise and line, shape [n], which tells where speech is.
        window_s: length of a window.
        hop_s: step between windows.

    Returns:
        Windows with enough speech; where none has, the one with the most.
    """
    grid = WindowGrid.from_seconds(window_s, hop_s, RATE_HZ / _UNIT)
    n_units = len(samples) // _UNIT
    ends = list(range(grid.window, n_units + 1, grid.hop))
    if not ends or 2 * (n_units - ends[-1]) >= grid.hop:
        ends.append(n_units)
    mask = speech_mask(clean, n_units * _UNIT // _MASK_HOP, _MASK_HOP)
    speech_s, found = [], []
    for end in ends:
        start = max(0, end - grid.window)
        heard = mask[start * _UNIT // _MASK_HOP : end * _UNIT // _MASK_HOP]
        speech_s.append(float(heard.sum()) * _MASK_HOP / RATE_HZ)
        found.append(samples[start * _UNIT : end * _UNIT])
    needed_s = VadSettings().needed_s(grid.end_s(grid.window))
    least_s = min(needed_s, max(speech_s))
    return [cut for cut, s in zip(found, speech_s, strict=True) if s >= least_s]


def _name(
    utterances: Sequence[Utterance],
    noises: Sequence[Path],
    network: WindowNetwork,
    settings: WindowSettings,
) -> str:
    what = json.dumps([asdict(settings), network.name, network.origin], sort_keys=True)
    digest = hashlib.sha256(what.encode())
    for path, corpus in [*((u.path, u.corpus) for u in utterances), *((n, "") for n in noises)]:
        stat = path.stat()
        line = f"{corpus} {path.resolve()} {stat.st_size} {stat.st_mtime_ns}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return f"{network.name}-{digest.hexdigest()[:16]}"


def _write(
    utterances: Sequence[Utterance],
    noises: Sequence[Path],
    network: WindowNetwork,
    settings: WindowSettings,
    folder: Path,
    jobs: int,
) -> None:
    begin = np.zeros((len(utterances), settings.augment.copies), np.int64)
    length = np.zeros_like(begin)
    noises, problems = readable(noises)
    shape, kind, at = (0,), np.dtype(np.float32), 0
    with (
        _copies_of(utterances, noises, network, settings, jobs) as made,
        (folder / "features.raw").open("wb") as raw,
    ):
        for i, result in track(
            enumerate(made),
            description="windows of all copies",
            total=len(utterances),
            console=Console(stderr=True),
        ):
            if isinstance(result, str):
                problems.append(result)
                continue
            for copy, windows in enumerate(result):
                raw.write(windows.tobytes())
                shape, kind = windows.shape[1:], windows.dtype
                begin[i, copy], length[i, copy] = at, len(windows)
                at += len(windows)
    if at == 0:
        raise TrainingError(
            f"expected recordings to learn from, and none of {len(utterances)} could be read; "
            f"the first problem: {problems[0] if problems else 'no files'}"
        )
    # The array's header needs its length, known only now.
    out = np.lib.format.open_memmap(folder / "features.npy", "w+", kind, (at, *shape))
    raw_map = np.memmap(folder / "features.raw", kind, "r", shape=out.shape)
    for start in range(0, at, 1 << 10):
        out[start : start + (1 << 10)] = raw_map[start : start + (1 << 10)]
    out.flush()
    (folder / "features.raw").unlink()
    np.save(folder / "begin.npy", begin)
    np.save(folder / "length.npy", length)
    (folder / DONE).write_text(json.dumps({"problems": problems}))


@contextmanager
def _copies_of(
    utterances: Sequence[Utterance],
    noises: Sequence[Path],
    network: WindowNetwork,
    settings: WindowSettings,
    jobs: int,
) -> Iterator[Iterator[list[NDArray[Any]] | str]]:
    """What `_copies` makes of each recording; in this process where there is to be one only."""
    work = list(enumerate(u.path for u in utterances))
    if jobs <= 1:
        _start(noises, network, settings)
        yield map(_copies, work)
        return
    with workers(jobs, _start, (noises, network, settings)) as pool:
        yield pool.map(_copies, work, chunksize=4)


_worker: dict[str, Any] = {}


def _start(noises: Sequence[Path], network: WindowNetwork, settings: WindowSettings) -> None:
    _worker["settings"] = settings
    _worker["network"] = network
    _worker["noises"] = [load(path) for path in noises]


def _copies(work: tuple[int, Path]) -> list[NDArray[Any]] | str:
    index, path = work
    settings: WindowSettings = _worker["settings"]
    network: WindowNetwork = _worker["network"]
    rng = np.random.default_rng([settings.seed, index])
    try:
        samples = load(path)[: int(settings.longest_s * RATE_HZ)]
    except AudioError as problem:
        return f"{path}: {problem}"
    if len(samples) < 2 * _UNIT:
        return f"{path}: shorter than {2 * _UNIT / RATE_HZ:g} s"
    found = []
    for copy, clean in _pairs(samples, settings, rng):
        windows = cuts(copy, clean, network.window_s, settings.hop_s)
        features = np.stack([network.features(window) for window in windows])
        found.append(features.astype(np.float16) if features[0].size > _LARGE else features)
    return found


def _pairs(
    samples: Samples, settings: WindowSettings, rng: np.random.Generator
) -> Iterator[tuple[Samples, Samples]]:
    """Each copy, and what it was before noise and line."""
    yield samples, samples
    yield telephone(samples, CHANNEL_SIMS["telephone"], rng=rng), samples
    for _ in range(2, settings.augment.copies):
        copy, clean = one_copy(samples, _worker["noises"], settings.augment, rng)
        shift = int(rng.integers(-_SHIFT, _SHIFT + 1))
        yield np.roll(copy, shift), np.roll(clean, shift)
