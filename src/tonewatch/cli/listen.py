"""Many recordings, one after the other or several at a time: a result or an error for each.

It does not know options, tables or files to write.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonewatch.audio.decode import probe
from tonewatch.core.errors import AudioError, WorkerError
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.inference.explain import ExplainSettings, Explanation
from tonewatch.inference.predictor import Predictor
from tonewatch.inference.recording import analyze, explain_recording
from tonewatch.inference.timeline import Timeline

Progress = Callable[[float], None]
"""Called with the share heard of the file under way."""

_ENDED = (
    "expected its process to live until it was heard, the process ended; "
    "look for too little memory, or try --jobs 1"
)


@dataclass(frozen=True)
class Request:
    """How each recording is to be heard; fields as in `analyze`.

    `envelope` asks for a waveform, `explain` for the reasons of the window that decided most.
    """

    bundle: str
    channel: int | None = None
    window_s: float | None = None
    hop_s: float | None = None
    envelope: bool = False
    explain: bool = False


@dataclass(frozen=True)
class Heard:
    """One recording: a timeline, or else an error.

    Attributes:
        file: the recording, as it was named.
        timeline: what was heard; None when it could not be.
        error_kind: the error's `kind`, empty without one.
        error: its message.
        envelope: lowest and highest sample of each 40 ms, shape [n, 2]; None unless asked for.
        explanation: of the surest window of the recording's label; None unless asked for, or
            without one.
    """

    file: str
    timeline: Timeline | None
    error_kind: str = ""
    error: str = ""
    envelope: NDArray[np.float32] | None = None
    explanation: Explanation | None = None

    def to_dict(self) -> dict[str, Any]:
        """As in the JSON output."""
        if self.timeline is None:
            return {"file": self.file, "error": {"kind": self.error_kind, "message": self.error}}
        return self.timeline.to_dict()


class Envelope:
    """The outline of a waveform, collected block by block."""

    bin_samples = RATE_HZ // 25

    def __init__(self) -> None:
        self._rest: Samples = np.zeros(0, np.float32)
        self._bins: list[NDArray[np.float32]] = []

    def push(self, samples: Samples) -> None:
        """Take further samples, shape [n]."""
        joined = np.concatenate([self._rest, samples])
        whole = joined.size // self.bin_samples * self.bin_samples
        self._add(joined[:whole].reshape(-1, self.bin_samples))
        self._rest = joined[whole:]

    def finish(self) -> NDArray[np.float32]:
        """The lowest and highest sample of each 40 ms, shape [n, 2]."""
        if self._rest.size:
            self._add(self._rest[None])
        return np.concatenate([np.zeros((0, 2), np.float32), *self._bins])

    def _add(self, rows: NDArray[np.float32]) -> None:
        self._bins.append(np.stack([rows.min(axis=1), rows.max(axis=1)], axis=1))


def hear(
    file: Path, request: Request, predictor: Predictor, progress: Progress | None = None
) -> Heard:
    """Hear one recording; an error of its own becomes its result."""
    envelope = Envelope() if request.envelope else None
    heard_s = 0.0
    duration_s = 0.0

    def on_block(samples: Samples) -> None:
        nonlocal heard_s
        heard_s += samples.size / RATE_HZ
        if envelope is not None:
            envelope.push(samples)
        if progress is not None and duration_s > 0:
            progress(min(1.0, heard_s / duration_s))

    try:
        if progress is not None:
            duration_s = probe(file).duration_s or 0.0
        timeline = analyze(
            file,
            bundle=predictor,
            channel=request.channel,
            window_s=request.window_s,
            hop_s=request.hop_s,
            on_block=on_block,
        )
        explanation = _explain(file, request, predictor, timeline) if request.explain else None
    except AudioError as error:
        return Heard(str(file), None, error.kind, str(error))
    outline = envelope.finish() if envelope else None
    return Heard(str(file), timeline, envelope=outline, explanation=explanation)


def _explain(
    file: Path, request: Request, predictor: Predictor, timeline: Timeline
) -> Explanation | None:
    """Of the surest window with the label of the whole recording, as long as the bundle's."""
    emotion = timeline.emotion
    alike = [w for w in timeline.windows if emotion is not None and w.label == emotion.label]
    surest = max(alike or timeline.windows, key=lambda window: window.confidence, default=None)
    if surest is None or ExplainSettings().n_times(surest.end_s - surest.start_s) < 2:
        return None
    return explain_recording(
        file, surest.start_s, predictor, channel=request.channel, label=surest.label
    )


def hear_all(
    files: Sequence[Path],
    request: Request,
    predictor: Predictor,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Iterator[Heard]:
    """Hear each recording, in order; `jobs` processes at a time, each with its own predictor."""
    if jobs == 1 or len(files) == 1:
        for file in files:
            yield hear(file, request, predictor, progress)
        return
    while files:
        answered = 0
        for heard in _until_one_ends(files, request, jobs):
            yield heard
            answered += 1
        files = files[answered:]
        if files:
            # A pool that broke does not tell on which file: the first in question is heard alone.
            ended = Heard(str(files[0]), None, WorkerError.kind, _ENDED)
            yield next(_until_one_ends(files[:1], request, 1), ended)
            files = files[1:]


def _until_one_ends(files: Sequence[Path], request: Request, jobs: int) -> Iterator[Heard]:
    """Hear in processes beside, until all is heard or a process ends before its file does."""
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import active_children

    from tonewatch.core.workers import end_all_but, workers

    others = active_children()
    with workers(min(jobs, len(files)), _begin_worker, (request,)) as pool:
        try:
            yield from pool.map(_hear_in_worker, files)
        except BrokenProcessPool:
            end_all_but(others)


_worker: tuple[Request, Predictor] | None = None


def _begin_worker(request: Request) -> None:
    global _worker
    _worker = request, Predictor.load(request.bundle)


def _hear_in_worker(file: Path) -> Heard:
    assert _worker is not None
    return hear(file, *_worker)
