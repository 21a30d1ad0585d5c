"""Frames of every copy of every recording, made once and kept on disk.

Decoding, augmentation and feature extraction cost more than the network; done once they serve all
folds and epochs. Copy 0 is the recording as it is, copy 1 the standard telephone line that scores
are quoted for, the others are drawn by `augment`. This module does not know networks or folds.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from tonewatch.audio.decode import load
from tonewatch.audio.features import FeatureSettings, extract
from tonewatch.audio.telephone import telephone
from tonewatch.core.errors import AudioError, TrainingError
from tonewatch.core.signal import Samples
from tonewatch.core.workers import workers
from tonewatch.corpora.table import Utterance
from tonewatch.inference.evaluation import CHANNEL_SIMS
from tonewatch.training.augment import AugmentSettings, one_copy
from tonewatch.training.cache import DONE, kept
from tonewatch.training.speech import speech_mask

FIXED_COPIES = 2
"""Copies that are the same in every run: clean, and through the standard line."""


@dataclass(frozen=True)
class DatasetSettings:
    """What is made of each recording; with the list of files it names the cache."""

    features: FeatureSettings = field(default_factory=lambda: FeatureSettings(n_pitches=40))
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    longest_s: float = 8.0
    seed: int = 1


@dataclass(frozen=True)
class Dataset:
    """All frames in one array, and where each copy lies in it.

    Attributes:
        frames: shape [total, n_features], float16; mapped, so that trainings at once share them.
        speech: shape [total], bool: frame is speech.
        begin: shape [n_utterances, copies]: first frame of the copy.
        length: shape [n_utterances, copies]: frames of the copy; 0 where the file was unreadable.
        problems: what was left out, and why.
        n_pitches: numbers at each frame's end that are saliences of pitches.
    """

    frames: NDArray[np.float16]
    speech: NDArray[np.bool_]
    begin: NDArray[np.int64]
    length: NDArray[np.int64]
    problems: tuple[str, ...]
    n_pitches: int = 0

    def spread(self, utterances: Iterable[int]) -> NDArray[np.float32]:
        """Standard deviation of each feature over the fixed copies of `utterances`."""
        total = np.zeros(self.frames.shape[1])
        squares = np.zeros_like(total)
        count = 0
        for i in utterances:
            for copy in range(FIXED_COPIES):
                begin = self.begin[i, copy]
                part = self.frames[begin : begin + self.length[i, copy]].astype(np.float64)
                total += part.sum(0)
                squares += np.square(part).sum(0)
                count += len(part)
        mean = total / count
        return np.sqrt(np.maximum(squares / count - mean**2, 1e-6)).astype(np.float32)


def build(
    utterances: Sequence[Utterance],
    noises: Sequence[Path],
    settings: DatasetSettings,
    cache: Path,
    *,
    jobs: int = 2,
) -> Dataset:
    """Make the dataset, or open it where the cache has it.

    Args:
        utterances: recordings, labelled or not.
        noises: noise recordings to mix in.
        settings: features, copies, seed.
        cache: folder of caches; each dataset is a folder in it, named by what it was made from.
        jobs: processes.

    Raises:
        TrainingError: not one recording could be read.
    """
    folder = kept(
        cache / _name(utterances, noises, settings),
        lambda part: _write(utterances, noises, settings, part, jobs),
    )
    info = json.loads((folder / DONE).read_text())
    return Dataset(
        frames=np.load(folder / "frames.npy", mmap_mode="r"),
        speech=np.load(folder / "speech.npy"),
        begin=np.load(folder / "begin.npy"),
        length=np.load(folder / "length.npy"),
        problems=tuple(info["problems"]),
        n_pitches=settings.features.n_pitches,
    )


def readable(noises: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Noise recordings that can be read, and what is wrong with the others."""
    found: list[Path] = []
    problems: list[str] = []
    for path in noises:
        try:
            load(path)
        except AudioError as problem:
            problems.append(f"{path}: {problem}")
        else:
            found.append(path)
    return found, problems


def _name(
    utterances: Sequence[Utterance], noises: Sequence[Path], settings: DatasetSettings
) -> str:
    digest = hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode())
    for path, corpus in [*((u.path, u.corpus) for u in utterances), *((n, "") for n in noises)]:
        stat = path.stat()
        line = f"{corpus} {path.resolve()} {stat.st_size} {stat.st_mtime_ns}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return f"frames-{digest.hexdigest()[:16]}"


def _write(
    utterances: Sequence[Utterance],
    noises: Sequence[Path],
    settings: DatasetSettings,
    folder: Path,
    jobs: int,
) -> None:
    copies = settings.augment.copies
    begin = np.zeros((len(utterances), copies), np.int64)
    length = np.zeros_like(begin)
    speech: list[NDArray[np.bool_]] = []
    noises, problems = readable(noises)
    at = 0
    work = [(i, u.path, u.corpus == "noise") for i, u in enumerate(utterances)]
    with (
        workers(jobs, _start, (noises, settings)) as pool,
        (folder / "frames.raw").open("wb") as raw,
    ):
        made = pool.map(_copies, work, chunksize=16)
        for i, result in track(
            enumerate(made),
            description="features of all copies",
            total=len(work),
            console=Console(stderr=True),
        ):
            if isinstance(result, str):
                if result not in problems:  # a noise is one of the recordings too
                    problems.append(result)
                continue
            for copy, (frames, mask) in enumerate(result):
                raw.write(frames.tobytes())
                speech.append(mask)
                begin[i, copy], length[i, copy] = at, len(frames)
                at += len(frames)
    if at == 0:
        raise TrainingError(
            f"expected recordings to learn from, and none of {len(work)} could be read; "
            f"the first problem: {problems[0] if problems else 'no files'}"
        )
    # The array's header needs its length, known only now.
    out = np.lib.format.open_memmap(
        folder / "frames.npy", "w+", np.float16, (at, settings.features.n_features)
    )
    raw_map = np.memmap(folder / "frames.raw", np.float16, "r", shape=out.shape)
    for start in range(0, at, 1 << 20):
        out[start : start + (1 << 20)] = raw_map[start : start + (1 << 20)]
    out.flush()
    (folder / "frames.raw").unlink()
    np.save(folder / "speech.npy", np.concatenate(speech))
    np.save(folder / "begin.npy", begin)
    np.save(folder / "length.npy", length)
    (folder / DONE).write_text(json.dumps({"problems": problems}))


_worker: dict[str, Any] = {}


def _start(noises: Sequence[Path], settings: DatasetSettings) -> None:
    _worker["settings"] = settings
    _worker["noises"] = [load(path) for path in noises]


def _copies(
    work: tuple[int, Path, bool],
) -> list[tuple[NDArray[np.float16], NDArray[np.bool_]]] | str:
    index, path, is_noise = work
    settings: DatasetSettings = _worker["settings"]
    rng = np.random.default_rng([settings.seed, index])
    try:
        samples = load(path)[: int(settings.longest_s * 16_000)]
    except AudioError as problem:
        return f"{path}: {problem}"
    if settings.features.n_frames(len(samples)) == 0:
        return f"{path}: shorter than one frame"
    pairs: list[tuple[Samples, Samples]] = [
        (samples, samples),
        (telephone(samples, CHANNEL_SIMS["telephone"], rng=rng), samples),
    ]
    while len(pairs) < settings.augment.copies:
        pairs.append(one_copy(samples, _worker["noises"], settings.augment, rng))
    out = []
    # The analyser's lead of zeros: frames end where hops end.
    lead = settings.features.lead_samples
    for copy, clean in pairs:
        frames = extract(np.pad(copy, (lead, 0)), settings.features)
        mask = speech_mask(clean, len(frames), settings.features.hop_samples)
        out.append((frames.astype(np.float16), mask & (not is_noise)))
    return out
