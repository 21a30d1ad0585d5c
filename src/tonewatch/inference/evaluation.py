"""Runs a bundle over a table of labelled utterances and says what came of it, in numbers and words.

Each recording is heard as `analyze` hears it, from its first window to its summary. A corpus that
lacks some of the bundle's labels is scored over those that it has; over all of them if it has one
alone, as among one label every answer is right. A recording in which no speech was heard counts as
wrong: somebody speaks in each of them. One that cannot be decoded is no answer of the model and is
left out. All of it is counted, listed and said in `protocol`. It knows no training, except what the
bundle tells of its own.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import active_children
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tonewatch.audio.decode import load, stream_16k
from tonewatch.audio.telephone import TelephoneChannel, telephone
from tonewatch.core.errors import AudioError, CorpusError, WorkerError
from tonewatch.core.events import EmotionEstimated, Event
from tonewatch.core.labels import SCHEMES, Scheme, Sex, canonical
from tonewatch.core.signal import Samples
from tonewatch.core.workers import end_all_but, workers
from tonewatch.corpora.recorded import is_copy
from tonewatch.corpora.table import Labelled, Table, Utterance
from tonewatch.inference.analyser import Analyser
from tonewatch.inference.bundle import Bundle, BundleInfo
from tonewatch.inference.predictor import Predictor
from tonewatch.inference.protocol import COPIES, protocol_of
from tonewatch.inference.scores import Predictions, Scores, restrict, scores, uar_interval
from tonewatch.inference.smoothing import summarise

ChannelSim: TypeAlias = Literal["telephone"]

CHANNEL_SIMS: Mapping[str, TelephoneChannel] = {
    "telephone": TelephoneChannel(codec="ulaw", low_hz=300.0, high_hz=3400.0, snr_db=20.0),
}
"""What `--channel-sim` offers."""


_WINDOW_KEYS = ("n", "uar", "wa", "macro_f1", "ece", "certain_share", "certain_accuracy")


class Failure(NamedTuple):
    """A recording that could not be decoded."""

    path: Path
    kind: str
    message: str


@dataclass(frozen=True)
class Evaluation:
    """What a bundle made of a table.

    Attributes:
        bundle: which one.
        predictions: one row a recording; probabilities over the labels that its corpus has, or
            over all of the bundle's if that is one.
        windows: one row a window with speech, likewise.
        failures: recordings that could not be decoded; they are in no score.
        left_out: utterances by emotion word that the bundle has no label for; synthetic copies.
        protocol: in words.
    """

    bundle: Bundle
    predictions: Predictions
    windows: Predictions
    failures: tuple[Failure, ...]
    left_out: Mapping[str, int]
    protocol: str

    @property
    def scores(self) -> Scores:
        """Of the recordings."""
        return scores(self.predictions, self.protocol)

    @property
    def window_scores(self) -> Scores | None:
        """Of the windows, each with its recording's label; None where no speech was heard."""
        return scores(self.windows, self.protocol) if len(self.windows) else None

    @property
    def uar_interval(self) -> tuple[float, float] | None:
        """95 % bootstrap interval of the UAR by speaker; None with under three speakers."""
        return uar_interval(self.predictions, rng=np.random.default_rng(0))

    def to_dict(self) -> dict[str, Any]:
        """As `tonewatch evaluate --json` writes it."""
        info, silent = self.bundle.info, ~self.predictions.answered
        windows = self.window_scores.to_dict() if self.window_scores else {}
        return self.scores.to_dict() | {
            "uar_interval": self.uar_interval and list(self.uar_interval),
            "windows": {key: windows[key] for key in _WINDOW_KEYS if windows} or None,
            "left_out": dict(self.left_out),
            "no_speech_files": list(self.predictions.rows(silent).paths),
            "failed": [
                {"file": str(path), "error": {"kind": kind, "message": message}}
                for path, kind, message in self.failures
            ],
            "bundle": {
                "name": info.name,
                "version": info.version,
                "sha256": self.bundle.sha256,
                "labels": list(info.labels),
                **({"experimental": True} if info.experimental else {}),
            },
        }


def evaluate(
    bundle: Bundle,
    table: Table,
    *,
    channel_sim: ChannelSim | None = None,
    labels: Collection[str] | None = None,
    seed: int = 0,
    jobs: int = 1,
    on_file: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Hear every labelled utterance and score the answers.

    Args:
        bundle: what to score.
        table: on what; utterances without a label of the bundle are left out and counted.
        channel_sim: a line to send the recordings through first. Its noise depends on `seed` and
            the file's name alone, not on the order or on `jobs`.
        labels: those that the corpora have, where `table` is a part of them: a part that happens
            to lack one must not have it left out of its answers. None for those in `table`.
        seed: of that noise.
        jobs: processes.
        on_file: called after each recording, for a progress bar.

    Raises:
        CorpusError: nothing to score.
        WorkerError: a process ended before all was heard.
    """
    labelled = under(bundle.info, table)
    if not labelled.utterances:
        raise CorpusError(
            f"expected recordings of {', '.join(bundle.info.labels)}, got "
            f"{dict(labelled.left_out) or 'none'}; choose another bundle or corpus"
        )
    heard: list[_Heard | Failure] = []
    for result in _hear_all(bundle, labelled.utterances, channel_sim, seed, jobs):
        heard.append(result)
        on_file()
    failures = tuple(result for result in heard if isinstance(result, Failure))
    if len(failures) == len(heard):
        raise CorpusError(
            f"expected recordings that can be decoded, got {len(failures)} failures, the first: "
            f"{failures[0].message}; check the corpus"
        )
    kept = [i for i, result in enumerate(heard) if isinstance(result, _Heard)]
    used = [labelled.utterances[i] for i in kept]
    answers = [result for result in heard if isinstance(result, _Heard)]
    target = [bundle.info.labels.index(labelled.labels[i]) for i in kept]
    shared = _labels_by_corpus(labelled)
    if labels is not None:
        shared = {corpus: present | set(labels) for corpus, present in shared.items()}
    every = frozenset(bundle.info.labels)
    scored = {corpus: few if len(few) > 1 else every for corpus, few in shared.items()}
    one_each = [result.summary[None] for result in answers]
    return Evaluation(
        bundle,
        _predictions(bundle.info, used, target, one_each, scored),
        _predictions(bundle.info, used, target, [a.windows for a in answers], scored),
        failures,
        dict(labelled.left_out),
        protocol_of(
            bundle,
            used,
            shared,
            CHANNEL_SIMS[channel_sim] if channel_sim else None,
            left_out=labelled.left_out,
            n_failed=len(failures),
            n_silent=sum(not result.summary.any() for result in answers),
        ),
    )


def under(info: BundleInfo, table: Table) -> Labelled:
    """A table under the labels of a bundle; a label that it lacks is left out, never guessed.

    So are synthetic copies: one take would count several times.
    """
    originals = Table(tuple(u for u in table.utterances if not is_copy(u)), table.problems)
    scheme = SCHEMES.get(info.scheme)
    if scheme is None:  # somebody's own: its words are not in the bundle, its labels are
        scheme = Scheme(info.scheme, info.labels, _own_words(info.labels))
    labelled = originals.labelled(scheme)
    left_out = Counter(labelled.left_out)
    if copies := len(table) - len(originals):
        left_out[COPIES] = copies
    kept = []
    for utterance, label in zip(labelled.utterances, labelled.labels, strict=True):
        if label in info.labels:
            kept.append((utterance, label))
        else:
            left_out[label] += 1
    return Labelled(tuple(u for u, _ in kept), tuple(label for _, label in kept), left_out)


def _own_words(labels: Sequence[str]) -> dict[tuple[str, Sex | None], str]:
    """Each label by itself, and by the canonical word that readers make of it.

    A word that several labels are spellings of stands for none, unless it is one of them.
    """
    spelt = Counter(map(canonical, labels))
    words: dict[tuple[str, Sex | None], str] = {
        (canonical(label), None): label for label in labels if spelt[canonical(label)] == 1
    }
    return words | {(label, None): label for label in labels}


class _Heard(NamedTuple):
    """Probabilities of the summary, shape [n_labels], and of each window, [n_windows, n_labels].

    The summary is all zeros when no speech was heard.
    """

    summary: NDArray[np.float64]
    windows: NDArray[np.float64]


def _hear(
    predictor: Predictor, utterance: Utterance, channel_sim: ChannelSim | None, seed: int
) -> _Heard | Failure:
    labels = predictor.bundle.info.labels
    analyser = Analyser(predictor)
    events: list[Event] = []
    try:
        for block in _blocks(utterance, channel_sim, seed):
            events += analyser.push(block)
    except AudioError as error:
        return Failure(utterance.path, error.kind, str(error))
    events += analyser.finish()
    windows = [event for event in events if isinstance(event, EmotionEstimated)]
    emotion = summarise(windows, predictor.bundle.info.calibration)
    table = np.array([[w.probabilities[label] for label in labels] for w in windows], np.float64)
    summary = [emotion.probabilities[label] if emotion else 0.0 for label in labels]
    return _Heard(np.array(summary, np.float64), table.reshape(-1, len(labels)))


def _blocks(utterance: Utterance, channel_sim: ChannelSim | None, seed: int) -> Iterator[Samples]:
    if channel_sim is None:
        yield from stream_16k(utterance.path)
        return
    name = f"{utterance.speaker}/{utterance.path.name}"
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    rng = np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
    # The level of the noise follows that of the speech, which only the whole recording tells.
    yield telephone(load(utterance.path), CHANNEL_SIMS[channel_sim], rng=rng)


_worker: tuple[Predictor, ChannelSim | None, int] | None = None


def _begin_worker(bundle: Bundle, channel_sim: ChannelSim | None, seed: int) -> None:
    global _worker
    _worker = Predictor(bundle), channel_sim, seed


def _hear_in_worker(utterance: Utterance) -> _Heard | Failure:
    assert _worker is not None
    predictor, channel_sim, seed = _worker
    return _hear(predictor, utterance, channel_sim, seed)


def _hear_all(
    bundle: Bundle,
    utterances: Sequence[Utterance],
    channel_sim: ChannelSim | None,
    seed: int,
    jobs: int,
) -> Iterator[_Heard | Failure]:
    if jobs <= 1:
        predictor = Predictor(bundle)
        for utterance in utterances:
            yield _hear(predictor, utterance, channel_sim, seed)
        return
    others = active_children()
    with workers(jobs, _begin_worker, (bundle, channel_sim, seed)) as pool:
        try:
            yield from pool.map(_hear_in_worker, utterances, chunksize=8)
        except BrokenProcessPool as error:
            end_all_but(others)
            raise WorkerError(
                "expected its processes to live until all was heard, one of them ended; look for "
                "too little memory, or hear with one (--jobs 1)"
            ) from error


def _labels_by_corpus(labelled: Labelled) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for utterance, label in zip(labelled.utterances, labelled.labels, strict=True):
        found.setdefault(utterance.corpus, set()).add(label)
    return {corpus: frozenset(labels) for corpus, labels in sorted(found.items())}


def _predictions(
    info: BundleInfo,
    utterances: Sequence[Utterance],
    target: Sequence[int],
    answers: Sequence[NDArray[np.float64]],
    scored: Mapping[str, frozenset[str]],
) -> Predictions:
    """One row for each row of `answers[i]`, restricted to the labels scored of its corpus."""
    threshold = info.calibration.certain_threshold
    owner = np.repeat(np.arange(len(utterances)), [len(rows) for rows in answers])
    probabilities = np.concatenate([np.zeros((0, len(info.labels))), *answers])
    who = [utterances[i] for i in owner.tolist()]
    everything = Predictions(
        info.labels,
        probabilities,
        np.asarray(target, np.int64)[owner],
        probabilities.any(axis=1) & (probabilities.max(axis=1, initial=0.0) >= threshold),
        tuple(u.speaker for u in who),
        tuple(u.sex for u in who),
        tuple(u.corpus for u in who),
        tuple(str(u.path) for u in who),
    )
    corpora = np.array([u.corpus for u in who], object)
    certain, restricted = everything.certain.copy(), probabilities.copy()
    for corpus, labels in scored.items():
        inside = corpora == corpus
        part = restrict(everything.rows(inside), labels, threshold=threshold)
        restricted[inside], certain[inside] = part.probabilities, part.certain
    return replace(everything, probabilities=restricted, certain=certain)
